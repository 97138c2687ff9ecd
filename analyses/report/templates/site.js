// Filters the findings, and shows a hundred of them at a time, and a dozen rules until all are asked for.
// Without scripts all rows are there, and the filters are not.
(function () {
  var table = document.querySelector('table[data-table="rules"]'), button = document.querySelector(".all-rules");
  if (!table || table.tBodies[0].rows.length <= 15) { return; }
  var isCut = true;
  function cut() {
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row, place) { row.hidden = isCut && place >= 12; });
    button.hidden = !isCut;
  }
  table.tHead.addEventListener("click", cut);
  button.addEventListener("click", function () { isCut = false; cut(); });
  cut();
})();
(function () {
  var STEP = 100;
  var table = document.querySelector('table[data-table="findings"]');
  if (!table) { return; }
  var filters = document.querySelector(".filters"), tally = document.querySelector(".tally");
  var further = document.querySelector(".more-findings"), limit = STEP;
  var controls = Array.prototype.slice.call(filters.querySelectorAll("[data-by]"));
  var rows = function () { return Array.prototype.slice.call(table.tBodies[0].rows); };
  var words = new Map(rows().map(function (row) { return [row, row.textContent.toLowerCase()]; }));

  function matches(row) {
    return controls.every(function (control) {
      var by = control.getAttribute("data-by"), value = control.value;
      if (value === "") { return true; }
      if (by === "words") { return words.get(row).indexOf(value.trim().toLowerCase()) >= 0; }
      return row.getAttribute("data-" + by) === value;
    });
  }

  function show() {
    var n = 0, all = rows();
    all.forEach(function (row) {
      var isMatch = matches(row);
      row.hidden = !isMatch || n >= limit;
      n += isMatch ? 1 : 0;
    });
    var shown = Math.min(n, limit);
    tally.textContent = n === 0 ? "No finding matches." : shown === n
      ? n + (n === 1 ? " finding" : " findings") + (n < all.length ? " of " + all.length : "")
      : "The first " + shown + " of " + n + " findings";
    further.hidden = n <= limit;
  }

  function restart() { limit = STEP; show(); }

  function clear() { controls.forEach(function (control) { control.value = ""; }); }

  controls.forEach(function (control) { control.addEventListener("input", restart); });
  filters.querySelector(".clear").addEventListener("click", function () { clear(); restart(); });
  further.addEventListener("click", function () { limit += STEP; show(); });
  // Sorting moves the rows first: its listener was there before this one.
  table.tHead.addEventListener("click", restart);
  document.querySelectorAll("a[data-filter]").forEach(function (link) {
    link.addEventListener("click", function () {
      clear();
      controls.forEach(function (control) {
        if (control.getAttribute("data-by") === link.getAttribute("data-filter")) {
          control.value = link.getAttribute("data-value");
        }
      });
      restart();
    });
  });
  filters.hidden = false;
  show();
})();
