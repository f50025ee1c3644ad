/**
 * Makes the pictures of the dashboard in docs/pictures/: from the demo with its users, in the system's Chromium. They are
 * looked at before they are committed.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import sharp from 'sharp'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}docs/pictures/`
/** For how long the users are there before the pictures are taken, in ms: the charts show minutes. */
const TRAFFIC_FOR = Number(process.env.TRAFFIC_FOR ?? 100_000)

const WIDE = { width: 1440, height: 900 }
const PHONE = { width: 390, height: 844 }

interface Picture {
  readonly name: string
  readonly place: string
  readonly size: typeof WIDE
  readonly colours: 'light' | 'dark'
  /** A button to press first. */
  readonly press?: string
}

const pictures: readonly Picture[] = [
  { name: 'overview', place: '#/', size: WIDE, colours: 'dark', press: '1 min' },
  { name: 'upstream', place: '#/upstreams/chat', size: WIDE, colours: 'light' },
  { name: 'flow', place: '#/flow', size: WIDE, colours: 'dark' },
  { name: 'requests', place: '#/requests', size: WIDE, colours: 'light' },
  { name: 'sessions', place: '#/sessions?upstream=chat', size: WIDE, colours: 'light' },
  { name: 'phone', place: '#/', size: PHONE, colours: 'dark', press: '1 min' },
]

const demo = spawn(
  process.execPath,
  [`${root}bin/limpet.js`, 'demo', '--traffic', '--port', '0', '--static', '3', '--dynamic', '3'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
})
try {
  const link = await linkOf(demo.stdout)
  // The link works once; the cookie is that of the browser.
  const cookies = await signIn(browser, link)
  await pause(TRAFFIC_FOR / 2)
  await drain(browser, new URL(link).origin, cookies)
  await pause(TRAFFIC_FOR / 2)
  mkdirSync(folder, { recursive: true })
  for (const picture of pictures) await take(browser, new URL(link).origin, cookies, picture)
} finally {
  await browser.close()
  demo.kill('SIGTERM')
}

async function linkOf(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const [, link] = /^See +(http:\S+)/.exec(line) ?? []
    if (link !== undefined) {
      // The rest is not read, and must not fill the pipe.
      output.resume()
      return link
    }
  }
  throw new Error('the demo has ended')
}

type Cookies = Awaited<ReturnType<Awaited<ReturnType<Browser['newContext']>>['cookies']>>

async function signIn(browser: Browser, link: string): Promise<Cookies> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(link)
  return context.cookies()
}

async function openPage(browser: Browser, cookies: Cookies, look: Pick<Picture, 'size' | 'colours'>): Promise<Page> {
  const context = await browser.newContext({ viewport: look.size, colorScheme: look.colours, deviceScaleFactor: 1 })
  await context.addCookies(cookies)
  return context.newPage()
}

/** Gives the pictures something to tell. */
async function drain(browser: Browser, origin: string, cookies: Cookies): Promise<void> {
  const page = await openPage(browser, cookies, { size: WIDE, colours: 'light' })
  await page.goto(`${origin}/`)
  const status = await page.evaluate(async () => {
    const response = await fetch('v1/upstreams/chat/servers/chat-2/drain', {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ deadline: '10m' }),
    })
    return response.status
  })
  if (status !== 200) throw new Error(`the drain was answered with ${status}`)
  await page.close()
}

async function take(browser: Browser, origin: string, cookies: Cookies, picture: Picture): Promise<void> {
  const { name, place, press } = picture
  const page = await openPage(browser, cookies, picture)
  await page.goto(`${origin}/${place}`)
  await page.locator('.connection-state.live').waitFor()
  if (press !== undefined) await page.getByRole('button', { name: press }).click()
  await page.waitForTimeout(5000)
  const path = `${folder}${name}.png`
  await sharp(await page.screenshot())
    .png({ palette: true, quality: 100, effort: 10 })
    .toFile(path)
  console.log(`${name}.png: ${Math.ceil(statSync(path).size / 1000)} kB`)
  await page.context().close()
}
