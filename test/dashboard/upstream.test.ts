/** The page of the upstreams: what it says of servers, and its buttons. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { live, openDashboard, PHONE, skip } from './browser.ts'
import { newUsersUntil } from './new-users.ts'
import { isDrawn, Seconds } from './seconds.ts'
import { Shop } from './shop.ts'
import { signIn } from './signed-in.ts'

async function opened(t: TestContext, place: string, shop?: Shop) {
  shop ??= await Shop.shared()
  const page = await openDashboard(t, shop.admin, { place })
  return { shop, page }
}

async function openedToWrite(t: TestContext, place: string, its?: Shop) {
  const { shop, page } = await opened(t, place, its)
  await signIn(page, shop, place)
  return { shop, page }
}

function rowOf(page: Page, server: string) {
  return page.getByRole('row').filter({ has: page.getByText(server, { exact: true }) })
}

/** What the rows say at one moment: by server, by column. */
function drawnRows(page: Page): Promise<Record<string, Record<string, string>>> {
  return page.evaluate(`Object.fromEntries([...document.querySelectorAll('main tbody tr')].map((row) => [
    row.querySelector('b').textContent,
    Object.fromEntries([...row.children].map((cell) => [
      cell.dataset.label,
      (cell.querySelector('.amount')?.firstChild ?? cell).textContent,
    ])),
  ]))`)
}

/** The cells that are cut off, or beyond the edge of the screen. */
function hiddenCells(page: Page): Promise<readonly string[]> {
  return page.evaluate(`[...document.querySelectorAll('main tbody td')].filter((cell) => {
    const { left, right, width } = cell.getBoundingClientRect()
    return width === 0 || left < 0 || right > innerWidth || cell.scrollWidth > cell.clientWidth + 1
  }).map((cell) => cell.dataset.label + ': ' + cell.textContent)`)
}

describe('the page of the upstreams', { skip }, () => {
  test('shows the numbers of the API, of one and the same second', async (t) => {
    const { shop, page } = await opened(t, '#/upstreams')
    const seconds = await Seconds.follow(t, shop.admin)
    await rowOf(page, 'web-1').waitFor()
    for (let second = 0; second < 4; second++) await seconds.next()
    const drawn = await drawnRows(page)
    assert.equal(Object.keys(drawn).length, 8)
    await seconds.next()
    const same = seconds.all.filter(({ upstreams }) =>
      upstreams.every(({ servers }) =>
        servers.every(
          (server) =>
            isDrawn(drawn[server.name]!['Requests/s']!, server.requests) &&
            isDrawn(drawn[server.name]!['Errors/s']!, server.errors) &&
            isDrawn(drawn[server.name]!['In flight']!, server.inFlight) &&
            isDrawn(drawn[server.name]!.WebSockets!, server.tunnels),
        ),
      ),
    )
    assert.ok(same.length > 0, `no second has ${JSON.stringify(drawn)}`)
    assert.ok(same.some(({ now }) => now.requests > 0))
  })

  test('a killed server turns red within two seconds, with the cause in words, and is up again when it is back', async (t) => {
    const { shop, page } = await opened(t, '#/upstreams/shop')
    const row = rowOf(page, 'web-2')
    await row.locator('.badge.good').waitFor()
    const red = row.locator('.badge.bad').waitFor({ timeout: 2000 })
    await shop.servers['web-2'].kill()
    await red
    assert.match(await row.innerText(), /Down\s+GET \/health: .*ECONN(?:REFUSED|RESET)|Down\s+\d+ failures? in a row/)
    await shop.servers['web-2'].revive()
    await newUsersUntil(shop, row.locator('.badge.good').waitFor())
  })

  test('drain asks once, says which sessions would move, goes to zero and is done', async (t) => {
    const { shop, page } = await openedToWrite(t, '#/upstreams/shop', await Shop.open(t))
    await page.getByRole('button', { name: 'Drain: web-1' }).click()
    const dialog = page.getByRole('dialog')
    const moved = dialog.locator('.outcomes .warn strong')
    await moved.waitFor()
    const { upstreams } = (await shop.ask('/v1/sessions')) as {
      upstreams: { name: string; servers: { name: string; live: number }[] }[]
    }
    const live = upstreams.find(({ name }) => name === 'shop')!.servers.find(({ name }) => name === 'web-1')!.live
    assert.equal(await moved.innerText(), String(live))
    assert.deepEqual((await shop.ask('/v1/drains')).drains, [], 'it only asks')

    await dialog.getByLabel('Deadline', { exact: true }).fill('3s')
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click()
    const card = page.getByRole('article', { name: 'Drain of shop/web-1' })
    await card.getByText('Draining').waitFor()
    await rowOf(page, 'web-1').getByText('Draining').waitFor()
    await card.getByText('Drained').waitFor()
    await card.getByText(/^0\s+sessions left/).waitFor()
    const [drain] = (await shop.ask('/v1/drains')).drains
    assert.equal(drain.state, 'cut')
    await rowOf(page, 'web-1').getByText('Drained').waitFor()

    await card.getByRole('button', { name: 'Ready' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Make ready' }).click()
    await card.waitFor({ state: 'detached' })
    await rowOf(page, 'web-1').getByText('Up').waitFor()
  })

  test('two operators do not overwrite each other', async (t) => {
    const { shop, page } = await openedToWrite(t, '#/upstreams/shop', await Shop.open(t))
    const weight = async () => (await shop.ask('/v1/upstreams/shop/servers/web-4')).weight
    await page.getByRole('button', { name: 'Weight of web-4: 1' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Weight').fill('7')
    await dialog.getByText('stay where they are').waitFor()
    const other = await page.evaluate(async () => {
      const headers = { 'Content-Type': 'application/json' }
      const body = JSON.stringify({ weight: 3 })
      return (await fetch('v1/upstreams/shop/servers/web-4', { method: 'PATCH', headers, body })).status
    })
    assert.equal(other, 200)

    const set = dialog.getByRole('button', { name: 'Set the weight' })
    await set.click()
    await dialog.getByText('Somebody else has changed it meanwhile').waitFor()
    assert.equal(await weight(), 3)

    await dialog.getByRole('button', { name: 'Look again' }).click()
    await set.click()
    await dialog.waitFor({ state: 'detached' })
    assert.equal(await weight(), 7)
    await page.getByRole('button', { name: 'Weight of web-4: 7' }).waitFor()
  })

  test('a value that cannot be is refused before it is tried', async (t) => {
    const { page } = await openedToWrite(t, '#/upstreams/shop')
    await page.getByRole('button', { name: 'Weight of web-4: 1' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Nothing would change').waitFor()
    await dialog.getByLabel('Weight').fill('0')
    await dialog.getByText('expected a whole number from 1 to 65535, found 0').waitFor()
    assert.equal(await dialog.getByRole('button', { name: 'Set the weight' }).isDisabled(), true)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
  })

  test('the last server is only taken out after a second, plain word', async (t) => {
    const { shop, page } = await openedToWrite(t, '#/upstreams/api', await Shop.open(t))
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Maintenance: api-1' }).click()
    await dialog.getByText('No session would move').waitFor()
    await dialog.getByRole('button', { name: 'Take out of service' }).click()
    await rowOf(page, 'api-1').getByRole('button', { name: 'Ready' }).waitFor()

    await page.getByRole('button', { name: 'Maintenance: api-2' }).click()
    await dialog.getByRole('button', { name: 'Take out of service' }).click()
    await dialog.getByText('No server would be left that may serve').waitFor()
    assert.equal((await shop.ask('/v1/upstreams/api/servers/api-2')).state.admin, 'ready')
    await dialog.getByRole('button', { name: 'Do it anyway' }).click()
    await rowOf(page, 'api-2').getByRole('button', { name: 'Ready' }).waitFor()
  })

  test('who has not signed in is told how to, and changes nothing', async (t) => {
    const { shop, page } = await opened(t, '#/upstreams/shop')
    await page.getByRole('button', { name: 'Drain: web-1' }).click()
    await page.getByRole('dialog').getByText('limpet dashboard').waitFor()
    assert.deepEqual((await shop.ask('/v1/drains')).drains, [])
  })

  test('its address keeps what it is sorted and filtered by', async (t) => {
    const { shop, page } = await opened(t, '#/upstreams/shop', await Shop.open(t))
    const names = () => page.locator('main tbody b').allInnerTexts()
    await page.getByRole('button', { name: 'Weight', exact: true }).click()
    assert.deepEqual(await names(), ['web-3', 'web-1', 'web-2', 'web-4'])
    assert.match(page.url(), /sort=weight&order=desc$/)
    await page.keyboard.press('/')
    await page.keyboard.type('web-3')
    await rowOf(page, 'web-1').waitFor({ state: 'detached' })
    assert.deepEqual(await names(), ['web-3'])
    const address = page.url()
    await page.goto('about:blank')
    await page.goto(address)
    await rowOf(page, 'web-3').waitFor()
    assert.deepEqual(await names(), ['web-3'])
    await page.goto(`${shop.admin}/#/upstreams/shop?state=down`)
    await page.getByText('No such server').waitFor()
    await shop.servers['web-4'].kill()
    await rowOf(page, 'web-4').waitFor()
    assert.deepEqual(await names(), ['web-4'])
  })

  test('a phone shows every value of a server, and its buttons', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { size: PHONE, place: '#/upstreams/shop' })
    await rowOf(page, 'web-3').waitFor()
    assert.deepEqual(await hiddenCells(page), [])
    assert.equal(await page.getByRole('button', { name: 'Drain: web-3' }).isVisible(), true)
  })

  test('a small laptop shows every value of a server, and its buttons', async (t) => {
    const shop = await Shop.shared()
    const size = { width: 1280, height: 800 }
    const page = await openDashboard(t, shop.admin, { size, place: '#/upstreams' })
    await rowOf(page, 'web-3').waitFor()
    assert.deepEqual(await hiddenCells(page), [])
  })

  test('of an upstream that is not there, it says so, and stays connected', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/upstreams/gone' })
    await page.getByText('There is no upstream gone').waitFor()
    await live(page)
  })

  test('of 500 servers, it draws those that can be seen', async (t) => {
    const names = Array.from({ length: 500 }, (_, index) => `s-${index + 1}`)
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      admin: { address: '127.0.0.1', port: 0 },
      routes: [{ path: '/*', upstream: 'many' }],
      upstreams: { many: { servers: names.map((name, index) => ({ name, address: `127.0.0.1:${20_000 + index}` })) } },
    })
    const page = await openDashboard(t, await adminUrlOf(limpet), { place: '#/upstreams/many' })
    await rowOf(page, 's-1').getByRole('button', { name: 'Drain: s-1', exact: true }).waitFor()
    const rows = page.locator('main tbody tr')
    assert.equal(await rows.count(), 500)
    assert.ok((await page.locator('main tbody tr.unseen').count()) > 400)
    await rows.last().scrollIntoViewIfNeeded()
    await page.getByRole('button', { name: 'Drain: s-500' }).waitFor()
    assert.ok((await page.locator('main tbody tr.unseen').count()) > 400)
  })
})
