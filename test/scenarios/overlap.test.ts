/** A run of the program finishes its requests in flight while the next run already serves: no session is lost between them. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { untilSaved } from '../support/saved-sessions.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

/** A server with sessions and WebSockets. What answers a request for `/held` is added to `held`, and left to the test. */
async function app(test: TestContext, name: string, held: (() => void)[] = []): Promise<string> {
  const sessions = new Set<string>()
  const origin = await httpOrigin(test, (request, response) => {
    let [, id = ''] = /(?:^|; )sid=([^;]+)/.exec(request.headers.cookie ?? '') ?? []
    const isKnown = sessions.has(id)
    if (request.url === '/logout') {
      sessions.delete(id)
      response.setHeader('Set-Cookie', 'sid=; Path=/; Max-Age=0')
    } else if (!isKnown) {
      id = randomUUID()
      sessions.add(id)
      response.setHeader('Set-Cookie', `sid=${id}; Path=/`)
    }
    const answer = () => response.end(`${name} ${isKnown ? 'known' : 'new'}`)
    if (request.url === '/held') held.push(answer)
    else answer()
  })
  const sockets = new WebSocketServer({ server: origin.server as never })
  sockets.on('connection', (socket) => socket.send('hello'))
  test.after(() => sockets.close())
  return origin.address
}

async function stateFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-state-'))
  test.after(() => rm(folder, { recursive: true }))
  return folder
}

/** New users, each with the server on which their session began. */
async function arrive({ port }: Limpet, count: number, path = '/'): Promise<Map<User, string>> {
  const users = Array.from({ length: count }, () => new User())
  const answers = await Promise.all(users.map((user) => user.get(port, path)))
  return new Map(users.map((user, index) => [user, /^(.) new$/.exec(answers[index]!.body)![1]!]))
}

async function assertKnown({ port }: Limpet, users: ReadonlyMap<User, string>): Promise<void> {
  const found = await Promise.all([...users.keys()].map(async (user) => (await user.get(port)).body))
  assert.deepEqual(
    found,
    [...users.values()].map((server) => `${server} known`),
  )
}

interface Counted {
  readonly servers: readonly { readonly sessions: { readonly live: number } }[]
}

async function untilLive(limpet: Limpet, count: number): Promise<void> {
  const api = await adminUrlOf(limpet)
  await until(async () => {
    const { servers } = (await (await fetch(`${api}/v1/upstreams/app`)).json()) as Counted
    return servers.reduce((sum, { sessions }) => sum + sessions.live, 0) === count
  })
}

/** All runs of a test have this configuration, and so the same state directory. */
const config = (stateDirectory: string, [a, b, c]: readonly string[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: learn, from: "cookie:sid" }
      servers: [{ name: a, address: ${a} }, { name: b, address: ${b} }, { name: c, address: ${c} }]
  timeouts: { stop: 0s }
  admin: { port: 0 }
  stateDirectory: ${stateDirectory}
`

test('every session that begins around TERM is known to the next run, while a WebSocket keeps the old run alive', async (t) => {
  const stateDirectory = await stateFolder(t)
  const held: (() => void)[] = []
  const servers = await Promise.all(['a', 'b', 'c'].map((name) => app(t, name, held)))
  const old = await startLimpet(t, config(stateDirectory, servers))
  const socket = new WebSocket(`ws://127.0.0.1:${old.port}/`)
  await once(socket, 'message')
  // Twenty are answered just before TERM, ten after it, and ten once the next run serves.
  const before = arrive(old, 20)
  const afterTerm = arrive(old, 10, '/held')
  await until(() => held.length === 10)
  const afterStart = arrive(old, 10, '/held')
  await until(() => held.length === 20)
  const users = await before
  old.process.kill('SIGTERM')
  await old.errors.find(/SIGTERM/)
  for (const answer of held.splice(0, 10)) answer()
  for (const [user, server] of await afterTerm) users.set(user, server)
  await untilSaved(t, stateDirectory, 30)
  const next = await startLimpet(t, config(stateDirectory, servers))
  await next.errors.find(/30 sessions? restored/)
  await assertKnown(next, users)
  for (const answer of held.splice(0)) answer()
  const late = await afterStart
  await untilLive(next, 40)
  await assertKnown(next, late)
  // A session that ends in the next run does not come back when the old run saves its sessions at its end.
  const [leaver] = [...users.keys()] as [User]
  const cookie = leaver.cookie
  await leaver.get(next.port, '/logout')
  assert.equal(socket.readyState, WebSocket.OPEN)
  socket.close()
  assert.equal(await old.exit, 0)
  while (readdirSync(stateDirectory).filter((name) => name.startsWith('sessions-')).length > 1)
    await untilLive(next, 39)
  next.process.kill('SIGTERM')
  assert.equal(await next.exit, 0)
  users.delete(leaver)
  const third = await startLimpet(t, config(stateDirectory, servers))
  await third.errors.find(/39 sessions? restored/)
  await assertKnown(third, new Map([...users, ...late]))
  await new User().get(third.port, '/', { Cookie: cookie })
  await third.log.find(/ expired$/)
})

test('the sessions of a killed run go on in the next, and its files are removed once they are taken over', async (t) => {
  const stateDirectory = await stateFolder(t)
  const servers = await Promise.all(['a', 'b', 'c'].map((name) => app(t, name)))
  const users = new Map<User, string>()
  for (let run = 1; run <= 3; run++) {
    const limpet = await startLimpet(t, config(stateDirectory, servers))
    await assertKnown(limpet, users)
    for (const [user, server] of await arrive(limpet, 10)) users.set(user, server)
    await untilSaved(t, stateDirectory, 10 * run)
    limpet.process.kill('SIGKILL')
    await limpet.exit
  }
  const last = await startLimpet(t, config(stateDirectory, servers))
  await last.errors.find(/30 sessions? restored/)
  await assertKnown(last, users)
  last.process.kill('SIGTERM')
  assert.equal(await last.exit, 0)
  assert.equal(readdirSync(stateDirectory).filter((name) => name.startsWith('sessions-')).length, 1)
})
