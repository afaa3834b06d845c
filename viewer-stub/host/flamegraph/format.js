/* SPDX-License-Identifier: MIT */
/* Numbers and elements. Texts only ever enter the page as text, never as markup. */

const byId = (name) => document.getElementById(name);

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function count(number) {
  return Math.round(number).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

function decimals(number, places) {
  const [whole, part] = Math.abs(number).toFixed(places).split(".");
  return (number < 0 ? "\u2212" : "") + count(Number(whole)) + (part ? "." + part : "");
}

/* Times of functions are all in milliseconds, so that they compare at a glance. */
function milliseconds(ns) {
  const ms = ns / 1e6;
  return decimals(ms, ms >= 100 ? 0 : ms >= 1 ? 1 : 3) + "\u202fms";
}

function duration(ns) {
  if (ns >= 1e9) return decimals(ns / 1e9, ns >= 1e11 ? 0 : 2) + "\u202fs";
  if (ns >= 1e6) return decimals(ns / 1e6, 1) + "\u202fms";
  if (ns >= 1e3) return decimals(ns / 1e3, 1) + "\u202f\u00b5s";
  return decimals(ns, 0) + "\u202fns";
}

/* Never rounds something to 0 % or not quite everything to 100 %. */
function percent(part, whole) {
  if (!(whole > 0)) return "\u2013";
  const value = (100 * part) / whole;
  if (part > 0 && value < 0.005) return "<\u202f0.01\u202f%";
  if (part < whole && value > 99.995) return ">\u202f99.99\u202f%";
  return value.toFixed(2) + "\u202f%";
}

function bytes(number) {
  if (number >= 1 << 20) return decimals(number / (1 << 20), 1) + "\u202fMiB";
  if (number >= 1 << 10) return decimals(number / (1 << 10), 1) + "\u202fKiB";
  return count(number) + "\u202fbytes";
}
