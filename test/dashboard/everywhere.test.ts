/** What holds for each page of the dashboard. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { faultsOf, goTo, live, openDashboard, PHONE, pageNames, skip } from './browser.ts'
import { Shop } from './shop.ts'

describe('each page', { skip }, () => {
  for (const colours of ['light', 'dark'] as const) {
    test(`has no serious fault for axe-core, in ${colours} colours`, async (t) => {
      const { admin } = await Shop.shared()
      const page = await openDashboard(t, admin, { colours })
      for (const name of pageNames) {
        await goTo(page, name)
        assert.deepEqual(await faultsOf(page), [], name)
      }
    })
  }

  test('is reached by the keyboard alone: by its keys, and by Tab and Enter', async (t) => {
    const { admin } = await Shop.shared()
    const page = await openDashboard(t, admin)
    const title = (name: string) => page.locator('h1', { hasText: new RegExp(`^${name}$`, 'i') })
    for (const name of [...pageNames.slice(1), pageNames[0]]) {
      await page.keyboard.press('g')
      await page.keyboard.press(name.slice(0, 1))
      await title(name).waitFor()
      // The page has the focus.
      await page.locator('#main:focus').waitFor()
    }
    for (const name of pageNames) {
      await page.reload()
      await live(page)
      await tabTo(page, `.navigation li a[href="#/${name === 'overview' ? '' : name}"]`)
      await page.keyboard.press('Enter')
      await title(name).waitFor()
    }
  })

  test('has a request explained, and closed again, by the keyboard alone', async (t) => {
    const { admin } = await Shop.shared()
    const page = await openDashboard(t, admin)
    await page.keyboard.press('g')
    await page.keyboard.press('r')
    // The page before has rows, too, and no field that the next key leads to.
    await page.locator('.requests tbody tr').first().waitFor()
    await page.keyboard.press('/')
    await Promise.all([
      page.waitForResponse((response) => response.url().endsWith('stream?path=%2Fcart')),
      page.keyboard.type('/cart'),
    ])
    await page.locator('.requests tr', { hasNotText: '/cart' }).nth(1).waitFor({ state: 'detached' })
    await page.locator('tbody tr').nth(2).waitFor()
    await tabTo(page, 'tbody tr')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    const panel = page.getByRole('complementary', { name: 'GET /cart' })
    await panel.getByText('Where it would go now').waitFor()
    // The explanation has the focus.
    await page.locator('aside:focus').waitFor()
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'detached' })
    // The focus is back on the row, a moment after the panel has gone.
    await page.locator('.requests tbody tr:focus').waitFor()

    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' })
  })

  test('says that the connection is lost, and is live again by itself', async (t) => {
    const shop = await Shop.shared()
    const pages = await Promise.all(
      pageNames.map((name) => openDashboard(t, shop.admin, { place: `#/${name}`, size: PHONE })),
    )
    await shop.stop()
    const say = (text: string) =>
      Promise.all(pages.map((page) => page.getByRole('status').getByText(text).waitFor({ timeout: 60_000 })))
    await say('Connection lost')
    // Each says it for some seconds only, so that all are watched before it happens.
    const again = say('Connected again')
    await shop.start()
    await again
  })

  test('fits a phone without scrolling sideways', async (t) => {
    const { admin } = await Shop.shared()
    const page = await openDashboard(t, admin, { size: PHONE })
    for (const name of pageNames) {
      await goTo(page, name)
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), PHONE.width, name)
    }
  })
})

/** Presses Tab until the focus is on such an element. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let pressed = 0; pressed < 60; pressed++) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
    await page.keyboard.press('Tab')
  }
  assert.fail(`60 times Tab do not lead to ${selector}`)
}
