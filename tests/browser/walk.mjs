// Walks over the status page as people do: by eye in light, dark, narrow and in their own colours, by keyboard, enlarged,
// and with what axe-core knows of screen readers. Prints what is wrong, a line each, and then fails.
//
// usage: node walk.mjs BROWSER FEW CROWD PICTURES
//   FEW, CROWD  base URLs: some targets in every state; a thousand
//   PICTURES    a directory for screenshots
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [browserPath, few, crowd, pictures] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const wrong = [];
// What was found up to a failure of this script itself is worth reading, too.
process.on("exit", () => wrong.forEach((line) => console.log(`wrong: ${line}`)));
const check = (right, what) => right || wrong.push(what);

const browser = await chromium.launch({
  executablePath: browserPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars"],
});

// Opens a page and notes what it should not do. Each has a profile of its own.
async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 }, ...options });
  const page = await context.newPage();
  const { origin } = new URL(url);
  const name = `${url} ${JSON.stringify(options)}`;
  page.on("console", (message) => check(false, `${name}: the console says: ${message.text()}`));
  page.on("pageerror", (error) => check(false, `${name}: ${error}`));
  page.on("requestfailed", (request) => check(false, `${name}: ${request.url()} was not loaded`));
  page.on("request", (request) => check(request.url().startsWith(origin), `${name}: asks ${request.url()}`));
  const reply = await page.goto(url);
  check(reply.status() === 200, `${name}: ${reply.status()}`);
  return { context, page, name };
}

async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, help, nodes } of violations) {
    check(false, `${name}: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
  }
}

// What is broader than the window must be scrolled sideways, which nobody likes.
async function fits(page, name) {
  const [whole, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  check(whole <= seen, `${name}: ${whole} pixels wide in a window of ${seen}`);
}

const targetPage = `${few}/targets/acme-staging`;
const dark = { colorScheme: "dark" };
const narrow = { viewport: { width: 360, height: 780 } };
const own = { forcedColors: "active", ...dark };
// A window of 1280 pixels enlarged twofold, and to 400 %, as a browser's zoom does.
const zoomed = { viewport: { width: 640, height: 500 }, deviceScaleFactor: 2 };
const zoomedMore = { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 };

for (const [url, options, picture] of [
  [`${few}/`, {}, "status-page"],
  [`${few}/`, dark, "status-page-dark"],
  [`${few}/`, narrow, "status-page-narrow"],
  [`${few}/`, own, "status-page-own-colours"],
  [targetPage, {}, "status-page-target"],
  [targetPage, dark, "status-page-target-dark"],
  [`${few}/targets/acme-production?year=2026`, narrow],
  [`${few}/targets/acme-classic?year=2025`, own],
  [`${few}/targets/acme`, {}],
  [`${few}/?name=nobody`, {}],
  [`${crowd}/?state=idle&page=7`, dark],
  [`${few}/`, zoomed],
  [`${few}/`, zoomedMore],
  [targetPage, zoomed],
  [targetPage, zoomedMore],
]) {
  const { context, page, name } = await open(url, options);
  await fits(page, name);
  await accessible(page, name);
  if (picture) {
    await page.screenshot({ path: `${pictures}/${picture}.png` });
  }
  await context.close();
}

// By keyboard: everything in its order, and always seen where one is.
for (const url of [`${few}/`, targetPage]) {
  const { context, page, name } = await open(url);
  const stops = [];
  for (let press = 0; press < 80; press += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const [style, box] = [getComputedStyle(element), element.getBoundingClientRect()];
      return {
        what: `${element.localName} ${element.textContent.trim().slice(0, 30)}`,
        index: [...document.querySelectorAll("*")].indexOf(element),
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.left >= 0,
      };
    });
    if (!stop) break;
    stops.push(stop);
  }
  check(stops.length > 12 && stops.length < 60, `${name}: ${stops.length} stops by Tab`);
  check(stops[0]?.what.startsWith("a Skip"), `${name}: the first stop is ${stops[0]?.what}`);
  stops.forEach((stop, at) => {
    check(stop.outlined, `${name}: nobody sees that ${stop.what} has the focus`);
    check(stop.seen, `${name}: ${stop.what} has the focus outside of the window`);
    check(at === 0 || stop.index > stops[at - 1].index, `${name}: ${stop.what} comes too early`);
  });
  await page.goto(url);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  check((await page.evaluate(() => document.activeElement.id)) === "main", `${name}: the first link skips nothing`);
  await context.close();
}

// The filter, without any script and without a mouse.
{
  const { context, page, name } = await open(`${crowd}/`, { javaScriptEnabled: false });
  await page.getByLabel("Name contains").fill("tenant-09");
  await page.getByRole("combobox", { name: "State" }).selectOption("Idle");
  await page.getByRole("button", { name: "Show" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/name=tenant-09/);
  check((await page.getByRole("article").count()) === 25, `${name}: the filter shows not 25 targets`);
  check((await page.getByRole("status").textContent()).includes("100 targets"), `${name}: the filter finds not 100`);
  await page.getByRole("link", { name: "Next" }).click();
  await page.waitForURL(/page=2/);
  await page.getByRole("link", { name: "tenant-0932" }).click();
  await page.waitForURL(/targets\/tenant-0932/);
  check((await page.getByRole("heading", { level: 1 }).textContent()) === "tenant-0932", `${name}: another target`);
  await page.getByRole("link", { name: "2025" }).click();
  await page.waitForURL(/year=2025/);
  await page.getByRole("link", { name: "All targets" }).click();
  await page.waitForURL((url) => url.pathname === "/");
  await context.close();
}

// What a screen reader is told of a day.
{
  const { context, page, name } = await open(targetPage);
  const cell = page.getByRole("cell", { name: "2026-09-15: a gap, all day" });
  check((await cell.count()) === 1, `${name}: no cell tells of the gap`);
  check((await page.getByRole("table", { name: "January to June 2026" }).count()) === 1, `${name}: the calendar has no name`);
  for (const role of ["banner", "main", "contentinfo"]) {
    check((await page.getByRole(role).count()) === 1, `${name}: no ${role}`);
  }
  await context.close();
}

// A thousand targets, from nothing to seen.
{
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const begin = performance.now();
    const { context } = await open(`${crowd}/`);
    best = Math.min(best, performance.now() - begin);
    await context.close();
  }
  check(best < 1000, `a thousand targets take ${Math.round(best)} ms`);
  console.log(`a thousand targets: ${Math.round(best)} ms`);
}

// On paper.
{
  const { context, page, name } = await open(targetPage);
  const paper = await page.pdf({ format: "A4" });
  check(paper.length > 10_000, `${name}: prints ${paper.length} bytes`);
  await page.emulateMedia({ media: "print" });
  check(!(await page.getByText("Refresh").isVisible()), `${name}: prints what nobody can press`);
  await context.close();
}

await browser.close();
process.exit(wrong.length ? 1 : 0);
