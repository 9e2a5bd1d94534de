(function () {
  'use strict';
  var shown = document.currentScript.dataset.live, slot = shown.split('-')[0], stream, w;
  if (window.fcgiHostLive) return;
  try { // a frame is reloaded with the page around it, if that is the same application's
    for (w = window; w !== w.parent; w = w.parent) {
      if (w.parent.fcgiHostLive === slot) return;
    }
  } catch (e) { /* a page of another origin */ }
  window.fcgiHostLive = slot;
  function first(state) { // once for each state, whatever a cache answers
    var key = 'fcgi_host.live ' + location.pathname + location.search;
    try {
      if (sessionStorage.getItem(key) === state) return false;
      sessionStorage.setItem(key, state);
    } catch (e) { /* there is no storage */ }
    return true;
  }
  function turn(event) {
    if (event.data) {
      if (first(event.data)) location.reload();
    } else if (stream && stream.readyState === 2) { // the server was not there
      stream = null;
      setTimeout(watch, 1000);
    }
  }
  function watch() { // tabs that nobody sees leave the browser's few connections to others
    if (document.visibilityState === 'hidden') {
      if (stream) stream.close();
      stream = null;
    } else if (!stream) {
      stream = new EventSource('/.fcgi_host/live?' + shown);
      stream.addEventListener('reload', turn);
      stream.addEventListener('error', turn);
    }
  }
  document.addEventListener('visibilitychange', watch);
  watch();
})();
