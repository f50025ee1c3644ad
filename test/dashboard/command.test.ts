/** `limpet dashboard`: the link that signs a browser in, from a running Limpet. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, LIMPET, type Limpet, Lines, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

const config = (admin: string) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  admin: ${admin}
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [{ name: web-1, address: "127.0.0.1:1" }, { name: web-2, address: "127.0.0.1:1" }] } }
`
const onPort = config('{ address: 127.0.0.1, port: 0 }')

/** Opens a link, as a browser does; returns the cookie. */
async function open(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'manual' })
  assert.equal(response.status, 303)
  return response.headers.getSetCookie()[0]!.split(';')[0]!
}

async function me(base: string, cookie: string) {
  const { name, scope } = (await (await fetch(`${base}/v1/me`, { headers: { cookie } })).json()) as {
    name: string
    scope: string
  }
  return `${name}: ${scope}`
}

function dashboard(limpet: Limpet, ...args: string[]) {
  return runLimpet(['dashboard', ...args], { STATE_DIRECTORY: limpet.stateDirectory })
}

test('of an admin API on a port, the link is its own', async (t) => {
  const limpet = await startLimpet(t, onPort)
  const url = await adminUrlOf(limpet)
  const { code, stdout } = await dashboard(limpet, '--url', url)
  assert.equal(code, 0)
  const [link = '', , words] = stdout.split('\n')
  assert.match(link, new RegExp(`^${url}/sign-in\\?code=[\\w-]{43}$`))
  assert.equal(words, 'It works once, within 1 min. Whoever opens it may look and change things.')
  assert.equal(await me(url, await open(link)), 'admin-token (dashboard): write')
})

test('--read asks for a link that changes nothing', async (t) => {
  const limpet = await startLimpet(t, onPort)
  const url = await adminUrlOf(limpet)
  const { stdout } = await dashboard(limpet, '--url', url, '--read', '--json')
  const link = JSON.parse(stdout)
  assert.equal(link.scope, 'read')
  assert.equal(await me(url, await open(link.url)), 'admin-token (dashboard): read')
})

test('a token that may only read makes links that do', async (t) => {
  const value = 'r'.repeat(32)
  const limpet = await startLimpet(
    t,
    config(`{ address: 127.0.0.1, port: 0, tokens: [{ name: grafana, scope: read, value: ${value} }] }`),
  )
  const url = await adminUrlOf(limpet)
  const { stdout } = await dashboard(limpet, '-c', limpet.file, '--url', url, '--json')
  assert.equal(await me(url, await open(JSON.parse(stdout).url)), 'grafana (dashboard): read')
  assert.equal((await fetch(`${url}/v1/me`)).status, 401)
})

test('no server gets the cookie of a browser that has signed in, which sends it to all ports of the host', async (t) => {
  const origin = await httpOrigin(t, (request, response) => response.end(`<${request.headers.cookie ?? ''}>`))
  const limpet = await startLimpet(t, onPort.replaceAll('127.0.0.1:1', origin.address))
  const url = await adminUrlOf(limpet)
  const { stdout } = await dashboard(limpet, '--url', url, '--json')
  const cookie = await open(JSON.parse(stdout).url)
  const seen = async (sent: string) => (await fetch(limpet.url, { headers: { cookie: sent } })).text()
  assert.equal(await seen(cookie), '<>')
  assert.equal(await seen(`theme=dark; ${cookie}; page=2`), '<theme=dark; page=2>')
  assert.equal(await me(url, cookie), 'admin-token (dashboard): write', 'it is still good for the dashboard')
})

/** Starts the command for a socket; resolves once it has printed its link. */
async function forwarding(t: TestContext, socket: string, ...args: string[]) {
  const child = spawn(process.execPath, [LIMPET, 'dashboard', '--socket', socket, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const lines = new Lines(child.stdout)
  const [link] = await lines.find(/^http:\S+/)
  return { child, exit, lines, link: link!, base: new URL(link!).origin }
}

test('of an admin API on a socket, it serves the dashboard on a port until Ctrl-C', async (t) => {
  const socket = join(await temporaryFolder(t), 'admin.sock')
  const limpet = await startLimpet(t, config(`{ socket: ${socket} }`))
  await limpet.errors.find(/admin API answers on unix:/)
  const { child, exit, lines, link, base } = await forwarding(t, socket)
  assert.match(base, /^http:\/\/127\.0\.0\.1:\d+$/)
  await lines.find(/until Ctrl-C/)

  const reload = (headers: Record<string, string>) => fetch(`${base}/v1/reload`, { method: 'POST', headers })
  assert.equal((await fetch(`${base}/v1/status`)).status, 401, 'others on this machine may not even look')
  assert.equal((await fetch(`${base}/v1/status`, { headers: { 'Limpet-Forwarded': '' } })).status, 401)
  assert.equal((await reload({ origin: base })).status, 401)
  const cookie = await open(link)
  assert.equal((await fetch(link, { redirect: 'manual' })).status, 403, 'the link works once')
  assert.equal(await me(base, cookie), 'socket (dashboard): write')
  assert.equal((await reload({ cookie })).status, 403, 'nobody knows which page asks')
  assert.equal((await reload({ cookie, origin: 'http://127.0.0.1:1' })).status, 403)
  assert.equal((await reload({ cookie, origin: base })).status, 200)

  const stream = await fetch(`${base}/v1/events`, { headers: { cookie, 'Last-Event-ID': '0' } })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let heard = ''
  while (!heard.includes('event: ')) heard += (await reader.read()).value
  await reader.cancel()

  child.kill('SIGINT')
  assert.deepEqual(await exit, [0, null])
})

test('a port that is taken is named', async (t) => {
  const socket = join(await temporaryFolder(t), 'admin.sock')
  const limpet = await startLimpet(t, config(`{ socket: ${socket} }`))
  await limpet.errors.find(/admin API answers on unix:/)
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const { code, stderr } = await dashboard(limpet, '--socket', socket, '--serve-port', String(port))
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`cannot serve the dashboard on port ${port}: .*EADDRINUSE`))
})
