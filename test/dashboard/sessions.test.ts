/** The page Sessions in a browser, before a Limpet with traffic. */
import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { adminUrlOf, runLimpet, startLimpet } from '../support/limpet.ts'
import { namedOrigins } from '../support/origin.ts'
import { User } from '../support/user.ts'
import { openDashboard, skip } from './browser.ts'
import { Shop } from './shop.ts'

/** What is drawn at this moment. */
async function drawn(page: Page) {
  const textsOf = (selector: string) => page.locator(selector).allInnerTexts()
  const [live, active, servers, ages] = await Promise.all([
    textsOf('.stat:nth-child(1) dd:not(.note)'),
    textsOf('.stat:nth-child(2) dd:not(.note)'),
    textsOf('.distribution .numbers b'),
    textsOf('.ages .count'),
  ])
  return { live: Number(live[0]), active: Number(active[0]), servers: servers.map(Number), ages: ages.map(Number) }
}

const sessionsAnswer = (page: Page) => page.waitForResponse((response) => response.url().endsWith('/v1/sessions'))

describe('the sessions', { skip }, () => {
  test('are drawn as the API has them at that moment, over servers and by age', async (t) => {
    const shop = await Shop.shared()
    const page = await openDashboard(t, shop.admin, { place: '#/sessions?upstream=shop' })
    for (let seen = 0; seen < 3; seen++) {
      const { upstreams } = await (await sessionsAnswer(page)).json()
      const answer = upstreams.find(({ name }: { name: string }) => name === 'shop')
      assert.ok(answer.live > 0)
      const expected = {
        live: answer.live,
        active: answer.active,
        servers: answer.servers.map(({ live }: { live: number }) => live),
        ages: answer.ages.map(({ live }: { live: number }) => live),
      }
      // It is drawn in the frame after the answer.
      await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))')
      assert.deepEqual(await drawn(page), expected)
    }
    const asked = await page.locator('.distribution li', { hasText: 'web-3' }).innerText()
    assert.match(asked, /% of 40\.0%/, 'web-3 has two of five')
  })

  test('are numbers only: no key of a session is in the page', async (t) => {
    const shop = await Shop.shared()
    const user = new User()
    await user.get(shop.limpet.port, '/')
    const page = await openDashboard(t, shop.admin, { place: '#/sessions' })
    const { upstreams } = await (await sessionsAnswer(page)).json()
    assert.ok(upstreams.length > 0)
    const html = await page.content()
    assert.equal(user.cookies.size, 1)
    for (const value of user.cookies.values()) {
      for (const part of value.split(/[.~]/)) assert.ok(part.length < 6 || !html.includes(part), part)
    }
  })

  test('say what has moved and why, and where the sessions of a drained server would go', async (t) => {
    const shop = await Shop.open(t)
    const page = await openDashboard(t, shop.admin, { place: '#/sessions?upstream=shop' })
    const row = page.locator('.drain-forecast tbody tr', { hasText: 'web-3' })
    await row.waitFor()
    const [planned] = await Promise.all([
      page.waitForResponse((response) => response.url().endsWith('/v1/upstreams/shop/servers/web-3/plan')),
      row.getByRole('button', { name: 'Where to from web-3?' }).click(),
    ])
    const plan = (await planned.json()).upstreams.find(({ name }: { name: string }) => name === 'shop')
    const moved = plan.moves.reduce((sum: number, { sessions }: { sessions: number }) => sum + sessions, 0)
    assert.ok(moved > 0)
    for (const { to, sessions } of plan.moves) await row.getByText(`${sessions} to ${to}`).waitFor()
    const { servers } = await shop.ask('/v1/upstreams/shop')
    assert.equal(servers[2].state.admin, 'ready', 'nothing was changed')

    await page.locator('.reasons').getByText('stuck', { exact: true }).waitFor()
    const { code } = await runLimpet(['maintenance', 'shop/web-3', '--url', shop.admin], {
      STATE_DIRECTORY: shop.limpet.stateDirectory,
    })
    assert.equal(code, 0)
    const line = page.locator('.reasons tbody tr', { hasText: /moved:/ }).first()
    await line.waitFor({ timeout: 60_000 })
    await line.getByRole('link').click()
    await page.waitForURL(/#\/requests\?upstream=shop&reason=moved/)
  })

  test('warn of an address that sends too much', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      admin: { port: 0 },
      accessLog: 'off',
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: {
        app: {
          balance: 'ip-hash',
          skew: { minRequests: 1200 },
          servers: [
            { name: 'a', address: a.address },
            { name: 'b', address: b.address },
          ],
        },
      },
    })
    const page = await openDashboard(t, await adminUrlOf(limpet), { place: '#/sessions' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    for (let sent = 0; sent < 1500; sent++) {
      await new Promise((resolve, reject) => {
        get(limpet.url, { agent }, (response) => response.resume().on('end', resolve)).on('error', reject)
      })
    }
    await page
      .locator('.warning', { hasText: /100 % of the requests come from 127\.0\.0\.1/ })
      .waitFor({ timeout: 60_000 })
  })
})
