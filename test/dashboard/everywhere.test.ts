/** What holds for each page of the dashboard. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultsOf, goTo, openDashboard, PHONE, pageNames, skip } from './browser.ts'
import { Shop } from './shop.ts'

describe('each page', { skip }, () => {
  for (const colours of ['light', 'dark'] as const) {
    test(`has no serious fault for axe-core, in ${colours} colours`, async (t) => {
      const { admin } = await Shop.open(t)
      const page = await openDashboard(t, admin, { colours })
      for (const name of pageNames) {
        await goTo(page, name)
        assert.deepEqual(await faultsOf(page), [], name)
      }
    })
  }

  test('fits a phone without scrolling sideways', async (t) => {
    const { admin } = await Shop.open(t)
    const page = await openDashboard(t, admin, { size: PHONE })
    for (const name of pageNames) {
      await goTo(page, name)
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), PHONE.width, name)
    }
  })
})
