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
after(async () => (await launched)?.close())

/** The browser of all tests of a file: a start of one takes half a second of processor time. */
function browser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
  return launched
}

/**
 * The dashboard, once it is live, with cookies, storage and connections of its own. An error in it fails the test, with
 * which it is closed.
 */
export async function openDashboard(
  test: TestContext,
  admin: string,
  { size = WIDE, colours = 'light', place = '' }: Look = {},
): Promise<Page> {
  const context = await (await browser()).newContext({
    viewport: size,
    colorScheme: colours,
    reducedMotion: 'reduce',
  })
  test.after(() => context.close())
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.stack ?? error.message))
  test.after(() => assert.deepEqual(errors, [], 'the page has no errors'))
  await page.goto(`${admin}/${place}`)
  await live(page)
  return page
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
