import type { Page } from 'playwright-core'
import { runLimpet } from '../support/limpet.ts'
import { live } from './browser.ts'
import type { Shop } from './shop.ts'

/** Signs a browser in by a link of `limpet dashboard`, then shows a place in the dashboard. */
export async function signIn(page: Page, { admin, limpet }: Shop, place: string): Promise<void> {
  const { stdout } = await runLimpet(['dashboard', '--url', admin, '--json'], {
    STATE_DIRECTORY: limpet.stateDirectory,
  })
  await page.goto(JSON.parse(stdout).url)
  await page.goto(`${admin}/${place}`)
  await live(page)
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}
