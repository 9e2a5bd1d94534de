(function () {
  'use strict';
  var mine = document.currentScript.dataset.live.split('-'), name = 'fcgi_host.live';
  var known = {}, wait = 500, channel, stream;
  if (window.fcgiHostLive || self.origin === 'null') return;
  window.fcgiHostLive = true;
  function count(state) { // how often this page has been reloaded for a state
    var key = name + ' ' + location.pathname + location.search, last = [];
    try {
      last = (sessionStorage.getItem(key) || '').split(' ');
      last = [state, last[0] === state ? +last[1] + 1 : 0];
      sessionStorage.setItem(key, last.join(' '));
    } catch (e) { /* there is no storage */ }
    return last[1] || 0;
  }
  function hear(mark) {
    var at = mark.split('-'), times;
    known[at[0]] = mark;
    if (at[0] !== mine[0] || +at[1] <= +mine[1]) return;
    mine[1] = at[1];
    times = count(at[1]); // a cache, or code on its way out, may still give the page of before
    if (times === 0) location.reload();
    else if (times < 4) setTimeout(function () { location.reload(); }, 250 << times);
  }
  function told(event) {
    if (event.data) {
      if (channel) channel.postMessage(event.data);
      hear(event.data);
    } else if (stream && stream.readyState === 2) { // no answer, or one that is no stream
      stream = null;
      setTimeout(listen, wait = Math.min(2 * wait, 30000));
    }
  }
  function listen() {
    if (stream || (!channel && document.visibilityState === 'hidden')) return;
    stream = new EventSource('/.fcgi_host/live?' + (channel ? 'all' : mine.join('-')));
    stream.onopen = function () { wait = 500; };
    stream.addEventListener('reload', told);
    stream.addEventListener('error', told);
  }
  // A browser makes few connections to a server: one page listens for all, or those that are seen.
  if (window.BroadcastChannel && navigator.locks) {
    channel = new BroadcastChannel(name);
    channel.onmessage = function (event) {
      if (event.data) hear(event.data);
      else if (stream) for (var slot in known) channel.postMessage(known[slot]);
    };
    channel.postMessage('');
    navigator.locks.request(name, function () {
      listen();
      return new Promise(function () {}); // until the page has gone
    });
  } else {
    document.addEventListener('visibilitychange', function () {
      if (document.visibilityState === 'hidden' && stream) {
        stream.close();
        stream = null;
      }
      listen();
    });
    listen();
  }
})();
