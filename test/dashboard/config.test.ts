/** The page Config in a browser, and signing in. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { adminUrlOf, runLimpet, startLimpet } from '../support/limpet.ts'
import { live, openDashboard, openPage, skip } from './browser.ts'
import { Shop } from './shop.ts'

/** A link that `limpet dashboard` prints. */
async function linkOf({ limpet, admin }: Pick<Shop, 'limpet' | 'admin'>, ...args: string[]): Promise<string> {
  const { stdout } = await runLimpet(['dashboard', '--url', admin, '--json', ...args], {
    STATE_DIRECTORY: limpet.stateDirectory,
  })
  return JSON.parse(stdout).url
}

/** Changes the weight of a server, as an operator does. */
async function weigh({ limpet, admin }: Shop, weight: number): Promise<void> {
  const { code } = await runLimpet(['weight', 'shop/web-1', String(weight), '--url', admin], {
    STATE_DIRECTORY: limpet.stateDirectory,
  })
  assert.equal(code, 0)
}

describe('the configuration', { skip }, () => {
  test('is shown as it is in effect, with what has changed, by whom, and where it differs from the file', async (t) => {
    const shop = await Shop.open(t)
    const page = await openDashboard(t, shop.admin, { place: '#/config' })
    const facts = page.locator('.facts')
    await page.getByText('What is in effect is what the file says.').waitFor()
    const yaml = page.getByRole('region', { name: 'Configuration as YAML' })
    await yaml.getByText('web-4').first().waitFor()
    const whole = await (await fetch(`${shop.admin}/v1/config`, { headers: { Accept: 'application/yaml' } })).text()
    const lines = await yaml.locator('code').allTextContents()
    assert.equal(`${lines.join('\n')}\n`, whole)

    await weigh(shop, 7)
    await page.getByText('weight 7; the file says 1').waitFor()
    const newest = page.locator('.history > li').first()
    await newest.getByText('upstream shop: server web-1: weight 1 → 7').waitFor()
    assert.match((await newest.locator('.head').textContent())!, /^#2 .*admin-token/)
    await newest.getByText('Difference').click()
    assert.equal((await newest.locator('.removed').textContent())!.trim(), '-        weight: 1')
    assert.equal((await newest.locator('.added').textContent())!.trim(), '+        weight: 7')
    await facts.getByText(/^2$/).first().waitFor()

    await page.getByLabel('Find in the configuration').fill('weight: 7')
    const found = await yaml.locator('code').allTextContents()
    assert.deepEqual(found.map((line) => line.trim()).slice(0, 2), ['upstreams:', 'shop:'])
    assert.equal(found.at(-1)!.trim(), 'weight: 7')
  })

  test('goes back to the file by a button, for who has signed in', async (t) => {
    const shop = await Shop.shared()
    await weigh(shop, 7)
    const page = await openDashboard(t, shop.admin, { place: '#/config' })
    await page.getByRole('button', { name: 'Reset…' }).click()
    await page.getByRole('dialog').getByText('limpet dashboard').waitFor()
    await page.keyboard.press('Escape')

    await page.goto(await linkOf(shop))
    await live(page)
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    await page.goto(`${shop.admin}/#/config`)
    await page.getByRole('button', { name: 'Reset…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Drop the change' }).click()
    await page.getByText('What is in effect is what the file says.').waitFor()
    await page.locator('.toast', { hasText: 'web-1: weight 7 → 1' }).waitFor()
    const { servers } = await shop.ask('/v1/upstreams/shop')
    assert.equal(servers[0].weight, 1)

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    assert.deepEqual(await page.context().cookies(), [])
  })

  test('is not changed by who signed in to look', async (t) => {
    const shop = await Shop.shared()
    await weigh(shop, 7)
    const page = await openDashboard(t, shop.admin)
    await page.goto(await linkOf(shop, '--read'))
    await live(page)
    await page.goto(`${shop.admin}/#/config`)
    await page.getByRole('button', { name: 'Reset…' }).click()
    await page.getByRole('dialog').getByText('which may only read').waitFor()
    await weigh(shop, 1)
  })
})

test('where a token is needed to read, the dashboard asks to sign in, and shows everything then', {
  skip,
}, async (t) => {
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { address: 127.0.0.1, port: 0, tokens: [{ name: deploy, scope: write, value: ${'d'.repeat(32)} }] }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [127.0.0.1:1] } }
  `,
  )
  const admin = await adminUrlOf(limpet)
  const page = await openPage(t)
  await page.goto(admin)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.equal(await page.locator('.connection-state').textContent(), 'Signed out')
  const file = `${limpet.stateDirectory}-token`
  await writeFile(file, 'd'.repeat(32))
  await page.goto(await linkOf({ limpet, admin }, '--token-file', file))
  await live(page)
  await page.getByRole('row', { name: /^app/ }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/')
})
