/** The page Overview in a browser, before a Limpet with traffic. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import type { Sample } from '../../src/admin/traffic.ts'
import { adminEvents } from '../support/admin-events.ts'
import { until } from '../support/until.ts'
import { live, openDashboard, skip } from './browser.ts'
import { Shop } from './shop.ts'

/** What the page shows at one moment, and which second it is of. */
function shown(page: Page): Promise<{ readonly at: string; readonly numbers: Record<string, string> }> {
  return page.evaluate(() => {
    // @ts-expect-error it is in the page
    const stats = document.querySelector('.stats')
    const entries = [...stats.querySelectorAll('.stat')].map((stat) => [
      stat.querySelector('dt').textContent,
      stat.querySelector('.amount').textContent,
    ])
    return { at: stats.dataset.at, numbers: Object.fromEntries(entries) }
  })
}

describe('the overview', { skip }, () => {
  test('moves with the traffic, and its numbers are those of the API at that moment', async (t) => {
    const shop = await Shop.shared()
    const samples = new Map<string, Sample>()
    const watching = adminEvents(t, `${shop.admin}/v1/traffic/stream`, ({ now }: { now: Sample }) => {
      samples.set(now.at, now)
    })
    await watching.opened
    const page = await openDashboard(t, shop.admin)
    const seen = new Map<string, Record<string, string>>()
    while (seen.size < 4) {
      const { at, numbers } = await shown(page)
      // The first second of a start may have had no request.
      if ((samples.get(at)?.requests ?? 0) > 0) seen.set(at, numbers)
      await page.waitForTimeout(200)
    }
    for (const [at, numbers] of seen) {
      const sample = samples.get(at)!
      assert.equal(Number(numbers.Requests), Math.round(sample.requests), at)
      assert.equal(Number(numbers.Connections), sample.connections, at)
      assert.equal(Number(numbers.Sessions), sample.sessions, at)
      assert.equal(Number.parseFloat(numbers['Latency, p50']!), Number(sample.p50!.toPrecision(3)), at)
    }
    assert.ok(new Set(Array.from(seen.values(), JSON.stringify as never)).size > 1, 'they move')
    const label = await page.getByRole('img', { name: /^Requests a second: All \d/ }).getAttribute('aria-label')
    assert.match(label!, /4xx \d.*, 5xx \d/)
  })

  test('shows a killed server, and when it is back', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin)
    const row = page.getByRole('row', { name: /^shop/ })
    await row.getByText(/^\d of 4 ready$/).waitFor()
    await shop.servers['web-2'].kill()
    await page.locator('.event-list li.bad', { hasText: 'server web-2 is down' }).waitFor()
    await row.locator('.badge.warn').waitFor()
    await shop.servers['web-2'].revive()
    await page.locator('.event-list li.good', { hasText: 'server web-2 is up again' }).waitFor()

    await page.getByLabel('Kind').selectOption('Config')
    await page.getByText('No such event').waitFor()
    await page.getByLabel('Kind').selectOption('Health')
    await page.getByLabel('Filter events').fill('WEB-2')
    assert.ok((await page.locator('.event-list li').count()) >= 2)
  })

  test('says that the connection is lost, and when it is back', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin)
    await shop.stop()
    await page.getByRole('status').getByText('Connection lost').waitFor({ timeout: 60_000 })
    await page.locator('.connection-state.lost').waitFor()
    await shop.start()
    await page.getByRole('status').getByText('Connected again').waitFor({ timeout: 60_000 })
    await live(page)
    const { at } = await shown(page)
    await page.locator(`.stats:not([data-at="${at}"])`).waitFor()
  })

  test('is used by the keyboard alone', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin)
    const focused = () => page.evaluate('document.activeElement.textContent || document.activeElement.id')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Skip to the page')
    await page.keyboard.press('Enter')
    await page.locator('#main:focus').waitFor()
    await page.keyboard.press('/')
    assert.equal(await page.evaluate('document.activeElement.type'), 'search')
    await page.keyboard.type('gc?')
    assert.equal(await page.evaluate('document.activeElement.value'), 'gc?', 'letters in a field are only letters')
    await page.evaluate('document.activeElement.blur()')
    await page.keyboard.press('?')
    const keys = page.getByRole('dialog', { name: 'Keys' })
    await keys.waitFor()
    await page.keyboard.press('Escape')
    await keys.waitFor({ state: 'detached' })
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await page.getByRole('heading', { name: 'Config', exact: true }).waitFor()
    assert.equal(await page.title(), 'Config · Limpet')
    await page.keyboard.press('g')
    await page.keyboard.press('o')
    const row = page.getByRole('row', { name: /^shop/ })
    await row.focus()
    await page.keyboard.press('ArrowDown')
    assert.match((await focused()) as string, /^api/)
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\/upstreams\/api$/)
  })

  test('follows the colours of the system, or what the switch says, which it keeps', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { colours: 'dark' })
    const isDark = (expected: boolean) =>
      until(async () => {
        const dark = 'parseInt(getComputedStyle(document.documentElement).backgroundColor.slice(4)) < 60'
        return (await page.evaluate(dark)) === expected
      })
    await isDark(true)
    await page.getByRole('button', { name: 'Colours: as the system' }).click()
    await isDark(false)
    await page.reload()
    await live(page)
    await isDark(false)
    await page.getByRole('button', { name: 'Colours: light' }).click()
    await page.emulateMedia({ colorScheme: 'light' })
    await isDark(true)
    await page.getByRole('button', { name: 'Colours: dark' }).click()
    await isDark(false)
  })

  test('breaks none of the rules that it is served with', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin)
    const complaints: string[] = []
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    const foreign: string[] = []
    page.on('request', (request) => request.url().startsWith(shop.admin) || foreign.push(request.url()))
    await page.reload()
    await live(page)
    await page.getByRole('row', { name: /^shop/ }).waitFor()
    assert.deepEqual([complaints, foreign], [[], []])
  })
})
