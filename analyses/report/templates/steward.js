// Shows the sites that are late, or worse than last time. Without scripts all sites are there, and the filter is not.
(function () {
  var table = document.querySelector('table[data-table="sites"]');
  if (!table) { return; }
  var filters = document.querySelector(".filters"), select = filters.querySelector("select");
  var tally = document.querySelector(".tally");
  select.addEventListener("input", function () {
    var n = 0;
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
      row.hidden = select.value !== "" && row.getAttribute("data-" + select.value) !== "yes";
      n += row.hidden ? 0 : 1;
    });
    tally.textContent = select.value === "" ? "" : n + (n === 1 ? " site" : " sites");
  });
  filters.hidden = false;
})();
