/** The page Requests in a browser, before a Limpet with traffic. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'
import { live, openDashboard, PHONE, skip } from './browser.ts'
import { Shop } from './shop.ts'

const rowsOf = (page: Page) => page.locator('.requests tbody tr')

/** Once the requests are asked for with exactly this query. */
const asked = (page: Page, query: string) =>
  page.waitForRequest((request) => request.url().endsWith(`/v1/requests/stream${query}`))

/** The paths that are shown, newest first. */
async function pathsOf(page: Page): Promise<readonly string[]> {
  return page.locator('.requests tbody .request code').allTextContents()
}

describe('the live requests', { skip }, () => {
  test('show a request as it ended, with its server and the reason', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/requests?path=only-once' })
    await page.getByText('No such request yet').waitFor()
    const cookies = await askUntilShown(shop, page, '/only-once/1')
    const row = rowsOf(page).first()
    const text = await row.innerText()
    assert.match(text, /^GET \/only-once\/1\s+200\s+shop\/web-[1-4]\s+[\d.]+ ?ms\s+(?:new|stuck)\s+\d\d:\d\d:\d\d$/)
    for (const path of await pathsOf(page)) assert.equal(path, '/only-once/1')
    const html = await page.content()
    for (const value of cookies) assert.ok(!html.includes(value), 'what identifies a session is not there')
  })

  test('are filtered by the server, and the filter is in the address', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/requests' })
    await rowsOf(page).nth(5).waitFor()

    const byPath = asked(page, '?path=%2Fproducts%2F')
    await page.getByLabel('Path contains').fill('/products/')
    await byPath
    assert.match(page.url(), /#\/requests\?path=%2Fproducts%2F$/)
    await rowsOf(page).nth(3).waitFor()
    for (const path of await pathsOf(page)) assert.match(path, /^\/products\//)

    const all = '?path=%2Fproducts%2F&method=GET&status=2xx&upstream=shop&server=web-3&reason=stuck'
    const byAll = asked(page, all)
    await page.getByLabel('method').selectOption('GET')
    await page.getByLabel('Status').fill('2xx')
    await page.getByLabel('upstream').selectOption('shop')
    await page.getByLabel('Server', { exact: true }).fill('web-3')
    await page.getByLabel('reason').selectOption('stuck')
    await byAll
    await rowsOf(page).first().waitFor()
    for (const text of await rowsOf(page).allInnerTexts())
      assert.match(text, /^GET \/products\/\d+\s+200\s+shop\/web-3\s.*stuck/s)

    const again = asked(page, all)
    await page.reload()
    await again
    assert.equal(await page.getByLabel('Server', { exact: true }).inputValue(), 'web-3')
    assert.equal(await page.getByLabel('reason').inputValue(), 'stuck')

    const byNone = asked(page, '')
    await page.getByRole('button', { name: 'Clear' }).click()
    await byNone
    assert.match(page.url(), /#\/requests$/)
  })

  test('do not ask for a status that is only half typed', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/requests' })
    const queries: string[] = []
    page.on('request', (request) => {
      const [, query] = request.url().split('/v1/requests/stream')
      if (query !== undefined) queries.push(query)
    })
    const status = page.getByLabel('Status')
    await status.fill('40')
    assert.equal(await status.getAttribute('aria-invalid'), 'true')
    await rowsOf(page).nth(1).waitFor()
    const exact = asked(page, '?status=404')
    await status.fill('404')
    await exact
    assert.equal(await status.getAttribute('aria-invalid'), 'false')
    assert.deepEqual(queries, ['?status=404'])
  })

  test('hold still while they are paused, go on where they are, and keep a bounded number', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/requests' })
    await rowsOf(page).nth(5).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    const held = await pathsOf(page)
    await page.getByText(/^Held: [1-9]\d newer$/).waitFor()
    assert.deepEqual(await pathsOf(page), held)
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByText('A sample: at most 20 a second').waitFor()
    assert.ok((await pathsOf(page)).length > held.length, 'those that came meanwhile are there')
    await rowsOf(page).nth(199).waitFor({ timeout: 30_000 })
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText(/^Held: [1-9]\d newer$/).waitFor()
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByText('A sample: at most 20 a second').waitFor()
    assert.equal(await rowsOf(page).count(), 200)
  })

  test('hold still while somebody points at them', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/requests' })
    await rowsOf(page).nth(5).waitFor()
    await rowsOf(page).nth(3).hover()
    await page.getByText(/^Held: \d+ newer$/).waitFor()
    await page.getByLabel('Path contains').hover()
    await page.getByText('A sample: at most 20 a second').waitFor()
  })

  for (const [way, size] of [
    ['a click', undefined],
    ['a click on a phone', PHONE],
  ] as const) {
    test(`are explained by ${way}, with the answer of limpet explain`, async (t) => {
      const shop = await Shop.shared()
      const page = await openDashboard(t, shop.admin, { place: '#/requests?path=only-once', ...(size && { size }) })
      await askUntilShown(shop, page, '/only-once/1')
      const [explained] = await Promise.all([
        page.waitForResponse((response) => /\/v1\/requests\/[^/]+\/explain$/.test(response.url())),
        rowsOf(page).first().click(),
      ])
      const answer = await explained.json()
      const panel = page.getByRole('complementary', { name: 'GET /only-once/1' })
      await panel.getByText(answer.summary).waitFor()
      const text = await panel.innerText()
      assert.equal(answer.request.path, '/only-once/1')
      assert.equal(answer.candidates.length, 4)
      for (const sentence of [...answer.route.because, answer.server, answer.upstream.name]) {
        assert.ok(text.toLowerCase().includes(sentence.toLowerCase()), sentence)
      }
      assert.equal(answer.filters.length, 3)
      for (const { name, request, response } of answer.filters) {
        for (const phrase of [name, ...request, ...response])
          assert.ok(text.toLowerCase().includes(phrase.toLowerCase()), phrase)
      }
      for (const { server, address, weight, inFlight } of answer.candidates) {
        assert.match(text, new RegExp(`${server}\\s+${address}\\s+weight ${weight}, ${inFlight} in flight`))
      }
      await panel.getByRole('button', { name: 'Close' }).click()
      await panel.waitFor({ state: 'detached' })
    })
  }

  test('say what explains a server that is not there any more', async (t) => {
    const shop = await Shop.open(t)
    const page = await openDashboard(t, shop.admin, { place: '#/requests?path=only-once' })
    const user = new User()
    await user.get(shop.limpet.port, '/')
    await askUntilShown(shop, page, '/only-once/1', user)
    const row = rowsOf(page).first()
    await row.getByText('stuck').waitFor()
    const [name] = /web-\d/.exec(await row.innerText())!
    await shop.servers[name as 'web-1'].kill()
    await until(async () => {
      const { servers } = await shop.ask('/v1/upstreams/shop')
      return servers.some(
        (server: { name: string; state: { health: string } }) => server.name === name && server.state.health === 'down',
      )
    })
    await row.click()
    await page.getByText('Where it would go now').waitFor()
    await page.locator('.steps').getByText('moved:down').waitFor()
    assert.match(await page.locator('.candidates .refused').innerText(), new RegExp(name))
  })

  test('go on by themselves after the connection was lost', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/requests' })
    await rowsOf(page).nth(5).waitFor()
    await shop.stop()
    await page.getByRole('status').getByText('Connection lost').waitFor({ timeout: 10_000 })
    await shop.start()
    await page.getByRole('status').getByText('Connected again').waitFor({ timeout: 20_000 })
    await live(page)
    await page.getByLabel('Path contains').fill('/after-that')
    await page.getByText('No such request yet').waitFor()
    await askUntilShown(shop, page, '/after-that')
  })
})

/** A user asks for a path again and again until it is shown: workers begin to report what is watched a moment later. */
async function askUntilShown({ limpet }: Shop, page: Page, path: string, user = new User()): Promise<string[]> {
  await until(async () => {
    await user.get(limpet.port, path)
    return (await pathsOf(page)).includes(path)
  }, 300)
  return [...user.cookies.values()]
}
