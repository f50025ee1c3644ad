import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { ARGUMENTS, CHROMIUM } from './chromium.ts'
import { listen } from './front.ts'
import { DYNAMIC, STATIC, start } from './program.ts'

const skip = existsSync(CHROMIUM) ? false : `needs Chromium: there is none at ${CHROMIUM} (CHROMIUM names another)`

async function openBrowser(t: TestContext): Promise<Page> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
  t.after(() => browser.close())
  return browser.newPage({ viewport: { width: 360, height: 800 } })
}

/** Waits until an element has the expected text. */
async function shows(page: Page, selector: string, expected: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: expected }).waitFor({ timeout: 60_000 })
}

test('the page shows the students and their servers, reports when they are away, and recovers', { skip }, async (t) => {
  const [still, other, one, two] = await Promise.all([
    start(t, STATIC, 'static-1'),
    start(t, STATIC, 'static-2'),
    start(t, DYNAMIC, 'dynamic-1'),
    start(t, DYNAMIC, 'dynamic-2'),
  ])
  const front = await listen(t, still.url, [one.url, two.url])
  const page = await openBrowser(t)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  const names = () => page.locator('.student h3').allTextContents()

  await page.goto(front.url)
  await shows(page, '#state', 'Live')
  const first = await names()
  assert.ok(first.length >= 5 && first.length <= 10, `${first.length} students`)
  await shows(page, '#page .server', 'static-1')
  await shows(page, '#lists .server', 'dynamic-1')
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360, 'it fits a small phone')

  await shows(page, '#lists .server', 'dynamic-2')
  const second = await names()
  assert.notDeepEqual(second, first)
  await shows(page, '#lists .summary', '2 lists from 2 servers')
  await shows(page, '#page .summary', '2 checks, always the same server')

  front.students = []
  await shows(page, '#state', 'Away')
  await shows(page, '#notice', 'No new list: the answer was error 503. The last one stays; this page keeps asking.')
  await shows(page, '#taken', /^old, from \d\d:\d\d:\d\d$/)
  const last = await names()
  assert.ok(last.length > 0, 'the last list stays')

  front.students = 'silence'
  await shows(page, '#notice', 'no answer in 3 seconds')
  assert.deepEqual(await names(), last)

  front.students = [one.url, two.url]
  front.page = other.url
  await shows(page, '#state', 'Live')
  await shows(page, '#notice', 'A new list every two seconds.')
  assert.notDeepEqual(await names(), last)
  await shows(page, '#page .server', 'static-2')
  await shows(page, '#page .summary', /checks, moved once$/)

  assert.equal(front.overlap, 1, 'one request at a time')
  assert.deepEqual(errors, [])
})

test('the page sends no requests while it is paused', { skip }, async (t) => {
  const [still, one] = await Promise.all([start(t, STATIC, 'static-1'), start(t, DYNAMIC, 'dynamic-1')])
  const front = await listen(t, still.url, [one.url])
  const page = await openBrowser(t)
  await page.clock.install()
  await page.goto(front.url)
  await shows(page, '#lists .summary', '1 list from 1 server')

  await page.getByRole('button', { name: 'Pause' }).click()
  await shows(page, '#state', 'Paused')
  await page.clock.runFor(60_000)
  await shows(page, '#lists .summary', '1 list from 1 server')

  await page.getByRole('button', { name: 'Resume' }).click()
  await shows(page, '#state', 'Live')
  await shows(page, '#lists .summary', '2 lists from 1 server')
})

for (const [what, environment, isThere] of [
  ['links to the dashboard', { DASHBOARD_URL: 'http://127.0.0.1:9000/' }, true],
  ['shows no link without a dashboard', {}, false],
] as const) {
  test(`the page ${what}`, { skip }, async (t) => {
    const [still, one] = await Promise.all([start(t, STATIC, 'static-1', environment), start(t, DYNAMIC, 'dynamic-1')])
    const front = await listen(t, still.url, [one.url])
    const page = await openBrowser(t)
    const errors: string[] = []
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    await page.goto(front.url)
    await shows(page, '#page .summary', '1 check')
    const link = page.getByRole('link', { name: 'Dashboard' })
    assert.equal(await link.isVisible(), isThere)
    if (isThere) assert.equal(await link.getAttribute('href'), 'http://127.0.0.1:9000/')
    assert.deepEqual(errors, [])
  })
}
