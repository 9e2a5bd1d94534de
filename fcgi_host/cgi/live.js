(function () {
  'use strict';
  var mine = document.currentScript.dataset.live.split('-'), name = 'fcgi_host.live';
  var known = {}, wait = 500, channel, stream;
  if (window.fcgiHostLive || self.origin === 'null') return;
  window.fcgiHostLive = true;
  function isFirst(state) { // reload once for each state, whatever a cache answers
    var key = name + ' ' + location.pathname + location.search;
    try {
      if (sessionStorage.getItem(key) === state) return false;
      sessionStorage.setItem(key, state);
    } catch (e) { /* there is no storage */ }
    return true;
  }
  function hear(mark) {
    var at = mark.split('-');
    known[at[0]] = mark;
    if (at[0] === mine[0] && +at[1] > +mine[1] && isFirst(at[1])) location.reload();
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
