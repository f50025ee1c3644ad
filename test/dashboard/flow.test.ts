/** The page of the flow: routes, upstreams and servers, and what flows between them. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { openDashboard, PHONE, skip } from './browser.ts'
import { newUsersUntil } from './new-users.ts'
import { isDrawn, Seconds } from './seconds.ts'
import { Shop } from './shop.ts'
import { signIn } from './signed-in.ts'

async function opened(t: TestContext, shop?: Shop) {
  shop ??= await Shop.shared()
  const page = await openDashboard(t, shop.admin, { place: '#/flow' })
  await nodeOf(page, 'server', 'web-1').waitFor()
  return { shop, page }
}

function nodeOf(page: Page, kind: 'route' | 'upstream' | 'server', label: string) {
  return page.locator(`.node.${kind}`).filter({ has: page.getByText(label, { exact: true }) })
}

interface Drawn {
  readonly kind: string
  readonly name: string
  readonly rate: string
}

/** The nodes at one moment. */
function drawnNodes(page: Page): Promise<readonly Drawn[]> {
  return page.evaluate(`[...document.querySelectorAll('.node')].map((node) => ({
    kind: node.classList[1],
    name: node.querySelector('.name').textContent,
    rate: node.querySelector('.rate').textContent.replace('/s', ''),
  }))`)
}

async function heightOf(page: Page, kind: 'upstream' | 'server', label: string): Promise<number> {
  return Number(await nodeOf(page, kind, label).locator('.bar').getAttribute('height'))
}

describe('the page of the flow', { skip }, () => {
  test('shows the numbers of the API, of one and the same second', async (t) => {
    const { shop, page } = await opened(t)
    const seconds = await Seconds.follow(t, shop.admin)
    for (let second = 0; second < 4; second++) await seconds.next()
    const drawn = await drawnNodes(page)
    await seconds.next()
    const rateOf = (kind: string, name: string) =>
      drawn.find((node) => node.kind === kind && node.name === name)?.rate ?? 'not drawn'
    const same = seconds.all.filter(
      ({ routes, upstreams }) =>
        routes.every(({ route, requests }) => isDrawn(rateOf('route', route), requests)) &&
        upstreams.every(
          ({ name, requests, servers }) =>
            isDrawn(rateOf('upstream', name), requests) &&
            servers.every((server) => isDrawn(rateOf('server', server.name), server.requests)),
        ),
    )
    assert.ok(same.length > 0, `no second has ${JSON.stringify(drawn)}`)
    assert.ok(same.some(({ now }) => now.requests > 0))
  })

  test('more traffic is wider, and less so on the log scale', async (t) => {
    const { shop, page } = await opened(t)
    const seconds = await Seconds.follow(t, shop.admin)
    for (let second = 0; second < 4; second++) await seconds.next()
    const linear = (await heightOf(page, 'upstream', 'shop')) / (await heightOf(page, 'upstream', 'api'))
    assert.ok(linear > 2, `shop has four times the traffic of api, and is ${linear} times as high`)
    await page.getByRole('button', { name: 'Log' }).click()
    assert.match(page.url(), /scale=log$/)
    const log = (await heightOf(page, 'upstream', 'shop')) / (await heightOf(page, 'upstream', 'api'))
    assert.ok(log > 1 && log < linear, `${log}, ${linear}`)
  })

  test('a killed server turns red within two seconds, and green when it is back', async (t) => {
    const { shop, page } = await opened(t)
    const node = nodeOf(page, 'server', 'web-2')
    await page.locator('.node.good', { hasText: 'web-2' }).waitFor()
    const red = page.locator('.node.bad', { hasText: 'web-2' }).waitFor({ timeout: 2000 })
    await shop.servers['web-2'].kill()
    await red
    assert.match((await node.getAttribute('aria-label')) ?? '', /^web-2 .*: server, .*Down: /)
    await page.getByText('What happened to servers').waitFor()
    await shop.servers['web-2'].revive()
    await newUsersUntil(shop, page.locator('.node.good', { hasText: 'web-2' }).waitFor())
  })

  test('a drain is seen as it happens', async (t) => {
    const { shop, page } = await opened(t, await Shop.open(t))
    await signIn(page, shop, '#/flow')
    const drain = await page.evaluate(
      async () => (await fetch('v1/upstreams/shop/servers/web-1/drain', { method: 'PUT' })).status,
    )
    assert.equal(drain, 200)
    await page.locator('.node.warn', { hasText: 'web-1' }).waitFor()
    await page.getByText('shop/web-1: drain started').waitFor()
  })

  test('the keyboard reaches every node, whose numbers it shows and whose servers it leads to', async (t) => {
    const { page } = await opened(t)
    const node = nodeOf(page, 'server', 'web-3')
    await node.focus()
    const card = page.locator('.flow-card')
    await card.getByText('web-3', { exact: true }).waitFor()
    await card.getByText('Requests/s').waitFor()
    await page.keyboard.press('Enter')
    await card.getByRole('link', { name: 'Drain or change it' }).click()
    await page.getByRole('table', { name: 'Servers of shop' }).waitFor()
    assert.match(page.url(), /#\/upstreams\/shop\?find=web-3$/)
  })

  test('the same is there as a table', async (t) => {
    const { page } = await opened(t)
    await page.getByText('The same as a table').click()
    const table = page.getByRole('table', { name: 'Traffic from routes to upstreams to servers' })
    const rows = await table.getByRole('row').allInnerTexts()
    const ends = rows.slice(1).map((row) => row.split('\t').slice(0, 2).join(' to ').trim())
    assert.deepEqual(ends.filter((end) => end.startsWith('shop')).length, 4)
    assert.ok(ends.includes('/api/* to api'), ends.join('\n'))
    assert.ok(ends.includes('api to api-2'), ends.join('\n'))
  })

  test('of very many nodes, it gathers those with the least traffic', async (t) => {
    const names = Array.from({ length: 20 }, (_, index) => `app-${index + 1}`)
    const servers = Array.from({ length: 12 }, (_, index) => ({
      name: `s-${index}`,
      address: `127.0.0.1:${20_000 + index}`,
    }))
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      admin: { address: '127.0.0.1', port: 0 },
      routes: names.map((name) => ({ path: `/${name}/*`, upstream: name })),
      upstreams: Object.fromEntries(names.map((name) => [name, { servers }])),
    })
    const page = await openDashboard(t, await adminUrlOf(limpet), { place: '#/flow' })
    await nodeOf(page, 'upstream', '11 other upstreams').waitFor()
    const drawn = await drawnNodes(page)
    const countOf = (kind: string) => drawn.filter((node) => node.kind === kind).length
    assert.ok(drawn.length <= 62, String(drawn.length))
    assert.equal(countOf('upstream'), 10)
    assert.equal(countOf('route'), 14)
  })

  test('on a phone, everything is on the screen', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { size: PHONE, place: '#/flow' })
    await nodeOf(page, 'server', 'web-1').waitFor()
    const beyond = await page.evaluate(`[...document.querySelectorAll('.node text, .node .bar')].filter((part) => {
      const { left, right } = part.getBoundingClientRect()
      return left < 0 || right > innerWidth
    }).map((part) => part.textContent)`)
    assert.deepEqual(beyond, [])
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), PHONE.width)
  })
})
