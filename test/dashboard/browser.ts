import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, type TestContext } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ARGUMENTS, CHROMIUM } from '../demo/chromium.ts'

/** Why tests of the dashboard are skipped; false if there is a browser. */
export const skip = existsSync(CHROMIUM)
  ? false
  : `needs Chromium: there is none at ${CHROMIUM} (CHROMIUM names another)`

export const WIDE = { width: 1440, height: 900 } as const
export const PHONE = { width: 375, height: 740 } as const

export const pageNames = ['overview', 'upstreams', 'flow', 'requests', 'sessions', 'config'] as const
export type PageName = (typeof pageNames)[number]

interface Look {
  readonly size?: { readonly width: number; readonly height: number }
  readonly colours?: 'light' | 'dark'
  /** Where the dashboard begins: `#/requests?method=GET`. */
  readonly place?: string
}

let launched: Promise<Browser> | undefined
/** Pages that no test uses at the moment, each in a context of its own. */
const free: Page[] = []
after(async () => (await launched)?.close())

/** The browser of all tests of a file: a start of one takes half a second of processor time. */
function browser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
  return launched
}

/** The dashboard, once it is live, in a page of `openPage`. */
export async function openDashboard(
  test: TestContext,
  admin: string,
  { size = WIDE, colours = 'light', place = '' }: Look = {},
): Promise<Page> {
  const page = await openPage(test)
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme: colours })
  await page.goto(`${admin}/${place}`)
  await live(page)
  return page
}

/** An empty page, with cookies, storage and connections of its own. An error in what it shows fails the test. */
export async function openPage(test: TestContext): Promise<Page> {
  const page = free.pop() ?? (await newPage())
  const errors: string[] = []
  const note = (error: Error) => errors.push(error.stack ?? error.message)
  page.on('pageerror', note)
  test.after(async () => {
    await forget(page)
    page.off('pageerror', note)
    assert.deepEqual(errors, [], 'the page has no errors')
    free.push(page)
  })
  return page
}

async function newPage(): Promise<Page> {
  const context = await (await browser()).newContext({ reducedMotion: 'reduce' })
  context.setDefaultTimeout(60_000)
  return context.newPage()
}

/**
 * Leaves nothing to the next test that uses the page. A new page would take half a second of processor time: for it,
 * Chromium starts processes.
 */
async function forget(page: Page): Promise<void> {
  page.removeAllListeners('console')
  page.removeAllListeners('request')
  await page.evaluate('localStorage.clear(); sessionStorage.clear()')
  await page.goto('about:blank')
  await page.context().clearCookies()
}

/** Resolves once the dashboard says that what it shows is live. */
export async function live(page: Page): Promise<void> {
  await page.locator('.connection-state.live').waitFor({ timeout: 60_000 })
}

/** Shows a page by its address. */
export async function goTo(page: Page, name: PageName): Promise<void> {
  await page.evaluate(`location.hash = '#/${name}'`)
  await page.locator(`.navigation a[aria-current=page][href^="#/${name === 'overview' ? '' : name}"]`).waitFor()
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What axe-core finds wrong with a page that is serious or critical, a line each. */
export async function faultsOf(page: Page): Promise<readonly string[]> {
  // The page's policy allows no script in its markup; this is run by the browser's debugger instead.
  await page.evaluate(await readFile(axe, 'utf8'))
  return page.evaluate(async () => {
    // @ts-expect-error it is in the page
    const { violations } = await globalThis.axe.run()
    return violations
      .filter(({ impact }: { impact: string }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 300)}\n${failureSummary}`),
      )
  })
}
