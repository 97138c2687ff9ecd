// Sorts a table by the column whose header button is pressed; again, the other way round.
document.querySelectorAll("table.sortable").forEach(function (table) {
  var body = table.tBodies[0];
  var headers = Array.prototype.slice.call(table.tHead.rows[0].cells);
  headers.forEach(function (header, column) {
    header.querySelector("button").addEventListener("click", function () {
      var down = header.getAttribute("aria-sort") === "ascending";
      headers.forEach(function (other) { other.removeAttribute("aria-sort"); });
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      var rows = Array.prototype.slice.call(body.rows);
      var isNumber = header.classList.contains("number");
      rows.map(function (row, place) {
        return { row: row, place: place, key: row.cells[column].getAttribute("data-sort") };
      }).sort(function (a, b) {
        if (a.key === "" || b.key === "") { return (a.key === "") - (b.key === "") || a.place - b.place; }
        var order = isNumber ? a.key - b.key : a.key.localeCompare(b.key, "en");
        return (down ? -order : order) || a.place - b.place;
      }).forEach(function (item) { body.appendChild(item.row); });
    });
  });
});
