/** `npm start -- --https`, in a browser that trusts its authority. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { chromium } from 'playwright-core'
import { temporaryFolder } from '../support/folder.ts'
import { LIMPET, Lines } from '../support/limpet.ts'
import { getOver, secureConnection, serialOf } from '../support/tls-client.ts'
import { ARGUMENTS, CHROMIUM } from './chromium.ts'

const skip = !existsSync(CHROMIUM)
  ? `needs Chromium: there is none at ${CHROMIUM} (CHROMIUM names another)`
  : spawnSync('certutil', ['-H']).error !== undefined && 'needs certutil, for the browser to trust (libnss3-tools)'

/** Runs the demo until the test ends; resolves to its port once it serves. */
async function startDemo(t: TestContext, stateDirectory: string): Promise<number> {
  const env = { ...process.env, STATE_DIRECTORY: stateDirectory, RUNTIME_DIRECTORY: stateDirectory }
  const flags = ['demo', '--https', '--port', '0']
  const demo = spawn(process.execPath, [LIMPET, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(demo, 'exit')
  t.after(async () => {
    demo.kill('SIGTERM')
    await exit
  })
  new Lines(demo.stderr)
  const [, port] = await new Lines(demo.stdout).find(/limpet {2,}https:\/\/localhost:(\d+)/)
  return Number(port)
}

test('the demo makes a certificate of its own authority, and keeps it', async (t) => {
  const state = join(await temporaryFolder(t), 'state')
  const first = await startDemo(t, state)
  const ca = await readFile(join(state, 'demo-ca.pem'), 'utf8')
  const socket = await secureConnection(first, { ca, servername: 'localhost' })
  assert.match(await getOver(socket, 'localhost'), /^HTTP\/1\.1 200 /)
  const second = await startDemo(t, state)
  const other = await secureConnection(second, { ca, servername: 'localhost' })
  assert.equal(serialOf(other), serialOf(socket))
  socket.destroy()
  other.destroy()
})

test('a browser that trusts it shows the page, by HTTP/2', { skip }, async (t) => {
  const folder = await temporaryFolder(t)
  const port = await startDemo(t, join(folder, 'state'))
  const store = `sql:${folder}/.pki/nssdb`
  await mkdir(join(folder, '.pki/nssdb'), { recursive: true })
  for (const args of [
    ['-N', '--empty-password'],
    ['-A', '-n', 'demo', '-t', 'C,,', '-i', join(folder, 'state/demo-ca.pem')],
  ]) {
    const { status, stderr } = spawnSync('certutil', ['-d', store, ...args], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  const env = { ...process.env, HOME: folder } as Record<string, string>
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS, env })
  t.after(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 360, height: 800 } })
  const response = await page.goto(`https://localhost:${port}/`)
  assert.equal(response?.status(), 200)
  await page.locator('#state').filter({ hasText: 'Live' }).waitFor({ timeout: 60_000 })
  const protocols = await page.evaluate(
    "performance.getEntries().filter((entry) => 'nextHopProtocol' in entry).map((entry) => entry.nextHopProtocol)",
  )
  assert.ok((protocols as string[]).length > 1)
  assert.deepEqual(new Set(protocols as string[]), new Set(['h2']))
  if (process.env.LIMPET_SCREENSHOT) await page.screenshot({ path: process.env.LIMPET_SCREENSHOT })
})
