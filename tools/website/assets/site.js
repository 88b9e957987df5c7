// What the theme leaves out for readers who use a keyboard or a screen reader.
"use strict";

const chinese = document.documentElement.lang.startsWith("zh");
const words = chinese
  ? { search: "搜索", menu: "目录", table: "表格", code: "代码" }
  : { search: "Search", menu: "Menu", table: "Table", code: "Code" };

// Labels open the menu and the search with the mouse. A button inside each serves the keyboard too.
function button(label, name) {
  const key = document.createElement("button");
  key.type = "button";
  key.className = "key";
  key.setAttribute("aria-label", name);
  key.append(...label.childNodes);
  key.addEventListener("click", (event) => {
    event.preventDefault();
    event.stopPropagation();
    label.control.click();
    // choosing colours hides this button and shows the next one
    setTimeout(() => key.offsetParent || document.querySelector("[data-md-component=palette] label:not([hidden]) .key")?.focus());
  });
  label.append(key);
}

for (const label of document.querySelectorAll("header label[for=__drawer]")) button(label, words.menu);
for (const label of document.querySelectorAll("header > nav > label[for=__search]")) button(label, words.search);
for (const label of document.querySelectorAll("header [data-md-component=palette] label")) {
  button(label, label.title);
}
// The buttons above change the colours; the hidden choices behind them need no stop of their own.
for (const choice of document.querySelectorAll("[data-md-component=palette] input")) choice.tabIndex = -1;
for (const toggle of document.querySelectorAll("#__drawer, #__search")) {
  toggle.tabIndex = -1;
  toggle.setAttribute("aria-hidden", "true");
}
document.querySelector(".md-search")?.setAttribute("aria-label", words.search);

document.addEventListener("keydown", (event) => {
  const drawer = document.getElementById("__drawer");
  if (event.key !== "Escape" || !drawer.checked) return;
  drawer.checked = false;
  drawer.dispatchEvent(new Event("change"));
  document.querySelector("header label[for=__drawer] .key").focus();
});

// The menu of a narrow screen is out of sight until it is opened: then Tab must pass it by.
const narrow = matchMedia("(max-width: 76.2344em)");
const menu = document.querySelector(".md-sidebar--primary");
function hideMenu() {
  if (menu) menu.inert = narrow.matches && !document.getElementById("__drawer").checked;
}
document.getElementById("__drawer").addEventListener("change", hideMenu);
narrow.addEventListener("change", hideMenu);
hideMenu();

// What the theme builds after loading: groups of buttons on code, and wide tables that scroll.
function mend() {
  document.querySelectorAll("nav.md-code__nav").forEach((nav, i) => {
    const name = `${words.code} ${i + 1}`;
    if (nav.getAttribute("aria-label") !== name) nav.setAttribute("aria-label", name);
  });
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    wrap.tabIndex = 0;
    wrap.setAttribute("role", "group");
    wrap.setAttribute("aria-label", words.table);
  }
}
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
mend();
