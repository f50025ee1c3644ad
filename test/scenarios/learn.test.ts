/** Users who are kept by the application's own sessions, which Limpet learns from its answers. */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Server as SocketIoServer } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { untilSaved } from '../support/saved-sessions.ts'
import { throughTo } from '../support/through.ts'
import { User } from '../support/user.ts'

interface App {
  readonly name: string
  readonly origin: Origin
}

/** Where an application puts the ids of its sessions. */
interface Way {
  readonly shown: (request: IncomingMessage) => string | undefined
  readonly tell: (response: ServerResponse, id: string, request: IncomingMessage) => void
}

const byCookie: Way = {
  shown: ({ headers }) => /(?:^|; )sid=([^;]+)/.exec(headers.cookie ?? '')?.[1],
  tell: (response, id) => response.setHeader('Set-Cookie', ['theme=dark', `sid=${id}; Path=/; HttpOnly`]),
}

const byHeader: Way = {
  shown: ({ headers }) => headers['mcp-session-id'] as string | undefined,
  tell: (response, id) => response.setHeader('Mcp-Session-Id', id),
}

const byRedirect: Way = {
  shown: ({ url }) => new URL(url!, 'http://a').searchParams.get('sid') ?? undefined,
  tell(response, id, { url }) {
    response.statusCode = 302
    response.setHeader('Location', `${new URL(url!, 'http://a').pathname}?lang=en&sid=${id}#top`)
  },
}

/**
 * A server with its sessions in memory: it counts the requests of each, begins one for whoever has none that it knows, and
 * ends it on `/logout`. Its answer is its name and the count.
 */
function sessionApp(test: TestContext, name: string, way: Way, sessions = new Map<string, number>()): Promise<App> {
  const origin = httpOrigin(test, (request, response) => {
    let id = way.shown(request)
    if (request.url === '/logout') {
      sessions.delete(id!)
      response.setHeader('Set-Cookie', 'sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
      response.end(`${name} bye`)
      return
    }
    if (request.url === '/login' || id === undefined || !sessions.has(id)) {
      id = randomUUID()
      sessions.set(id, 0)
      way.tell(response, id, request)
    }
    sessions.set(id, sessions.get(id)! + 1)
    response.end(`${name} ${sessions.get(id)}`)
  })
  return origin.then((origin) => ({ name, origin }))
}

const threeApps = (test: TestContext, way: Way) =>
  Promise.all(['a', 'b', 'c'].map((name) => sessionApp(test, name, way)))

interface Upstream {
  readonly servers: readonly { readonly sessions: { readonly live: number; readonly active: number } }[]
}

interface Options {
  readonly affinity?: object
  readonly servers?: Readonly<Record<string, object>>
  readonly stateDirectory?: string
  readonly admin?: object
}

function learning(test: TestContext, from: unknown, apps: readonly App[], options: Options = {}): Promise<Limpet> {
  const { affinity, servers = {}, ...rest } = options
  return startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        affinity: { type: 'learn', from, ...affinity },
        servers: apps.map(({ name, origin }) => ({ name, address: origin.address, ...servers[name] })),
      },
    },
    ...rest,
  })
}

async function stateFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-state-'))
  test.after(() => rm(folder, { recursive: true }))
  return folder
}

async function stop(limpet: Limpet): Promise<void> {
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
}

/** Users who have been there once, and their servers. */
async function arrive({ port }: Limpet, count: number): Promise<Map<User, string>> {
  const users = new Map<User, string>()
  for (let i = 0; i < count; i++) {
    const user = new User()
    const { body } = await user.get(port)
    assert.match(body, / 1$/)
    users.set(user, body.split(' ')[0]!)
  }
  return users
}

describe('a session in a cookie of the application', () => {
  test('stays on its server, whichever worker its next request comes to', async (t) => {
    const limpet = await learning(t, 'cookie:sid', await threeApps(t, byCookie))
    const users = await arrive(limpet, 30)
    assert.equal(new Set(users.values()).size, 3)
    for (let turn = 2; turn <= 6; turn++) {
      for (const [user, server] of users) assert.equal((await user.get(limpet.port)).body, `${server} ${turn}`)
    }
    assert.equal((await limpet.log.matching(/ new$/, 30)).length, 30)
    assert.equal((await limpet.log.matching(/ stuck$/, 150)).length, 150)
  })

  test('is passed on as it is, both ways, and nothing is added', async (t) => {
    const limpet = await learning(t, 'cookie:sid', await threeApps(t, byCookie))
    const user = new User()
    const { setCookies, headers } = await user.get(limpet.port)
    assert.match(setCookies.join(), /^theme=dark,sid=[\w-]{36}; Path=\/; HttpOnly$/)
    assert.equal(headers['cache-control'], undefined)
  })

  test('is found again after a restart, also on a server that has moved to another address', async (t) => {
    const stateDirectory = await stateFolder(t)
    const memories = new Map(['a', 'b', 'c'].map((name) => [name, new Map<string, number>()]))
    const appsNow = (...names: string[]) =>
      Promise.all(names.map((name) => sessionApp(t, name, byCookie, memories.get(name))))
    const before = await learning(t, 'cookie:sid', await appsNow('a', 'b', 'c'), { stateDirectory })
    const users = await arrive(before, 30)
    await stop(before)
    const after = await learning(t, 'cookie:sid', await appsNow('c', 'a', 'b'), { stateDirectory })
    await after.errors.find(/30 session\(s\) go on/)
    for (const [user, server] of users) assert.equal((await user.get(after.port)).body, `${server} 2`)
    await after.log.matching(/ stuck$/, 30)
  })

  test('that begins with a WebSocket is active for as long as that is open', async (t) => {
    const app = await sessionApp(t, 'a', byCookie)
    const sockets = new WebSocketServer({ server: app.origin.server as never })
    t.after(() => sockets.close())
    sockets.on('headers', (headers) => headers.push('Set-Cookie: sid=of-the-socket; Path=/'))
    sockets.on('connection', (socket) => socket.send('hello'))
    const limpet = await learning(t, ['cookie:sid'], [app], { admin: { port: 0 } })
    const api = await adminUrlOf(limpet)
    const counted = async () => {
      const { servers } = (await (await fetch(`${api}/v1/upstreams/app`)).json()) as Upstream
      return [servers[0]!.sessions.live, servers[0]!.sessions.active]
    }
    const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/`)
    await once(socket, 'message')
    assert.deepEqual(await counted(), [1, 1])
    socket.close()
    await limpet.log.find(/ 101 /)
    // It is counted anew now and then.
    let last = await counted()
    while (last[1] !== 0) last = await counted()
    assert.deepEqual(last, [1, 0])
  })

  test('is found again after a crash, once it has been saved', async (t) => {
    const stateDirectory = await stateFolder(t)
    const apps = await threeApps(t, byCookie)
    const before = await learning(t, 'cookie:sid', apps, { stateDirectory })
    const users = await arrive(before, 10)
    const [latecomer] = users.keys()
    await latecomer!.get(before.port)
    await untilSaved(t, stateDirectory, 10)
    before.process.kill('SIGKILL')
    await before.exit
    const after = await learning(t, 'cookie:sid', apps, { stateDirectory })
    await after.errors.find(/10 session\(s\) go on/)
    for (const [user, server] of users) {
      assert.equal((await user.get(after.port)).body, `${server} ${user === latecomer ? 3 : 2}`)
    }
  })

  test('that nobody gave out goes to one server by its value, and is replaced by the application', async (t) => {
    const apps = await threeApps(t, byCookie)
    const limpet = await learning(t, 'cookie:sid', apps)
    const spread = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const cookie = `sid=${createHash('sha256').update(`${i}`).digest('hex')}`
      const first = await new User().get(limpet.port, '/', { Cookie: cookie })
      const second = await new User().get(limpet.port, '/', { Cookie: cookie })
      assert.equal(first.status, 200)
      assert.equal(second.body, first.body)
      spread.add(first.body)
      const user = new User()
      user.cookies.set('sid', cookie.slice(4))
      const { body } = await user.get(limpet.port)
      assert.equal((await user.get(limpet.port)).body, `${body.split(' ')[0]} 2`)
    }
    assert.deepEqual([...spread].sort(), ['a 1', 'b 1', 'c 1'])
    await limpet.log.matching(/ expired$/, 60)
    await limpet.log.matching(/ stuck$/, 20)
  })

  test('is forgotten once the application ends it', async (t) => {
    const limpet = await learning(t, 'cookie:sid', await threeApps(t, byCookie))
    const user = new User()
    await user.get(limpet.port)
    const old = user.cookie
    await user.get(limpet.port)
    await limpet.log.matching(/ stuck$/, 1)
    await user.get(limpet.port, '/logout')
    await limpet.log.matching(/ stuck$/, 2)
    await new User().get(limpet.port, '/', { Cookie: old })
    await limpet.log.find(/ expired$/)
  })

  test('is known by its new id after a login, and the old one goes on as well', async (t) => {
    const limpet = await learning(t, 'cookie:sid', await threeApps(t, byCookie))
    const user = new User()
    const server = (await user.get(limpet.port)).body.split(' ')[0]
    const old = user.cookie
    assert.equal((await user.get(limpet.port, '/login')).body, `${server} 1`)
    assert.notEqual(user.cookie, old)
    assert.equal((await user.get(limpet.port)).body, `${server} 2`)
    assert.equal((await new User().get(limpet.port, '/', { Cookie: old })).body, `${server} 2`)
  })

  test('moves when its server is down, and is learnt for the server that answers', async (t) => {
    const apps = await threeApps(t, byCookie)
    const limpet = await learning(t, 'cookie:sid', apps)
    const user = new User()
    const home = (await user.get(limpet.port)).body.split(' ')[0]
    await apps.find(({ name }) => name === home)!.origin.kill()
    const { body } = await user.get(limpet.port)
    const other = body.split(' ')[0]
    assert.notEqual(other, home)
    await limpet.log.find(/ retry$/)
    for (let turn = 2; turn < 6; turn++) assert.equal((await user.get(limpet.port)).body, `${other} ${turn}`)
  })

  test('stays on a server that fails one request of it, where the application keeps to the id', async (t) => {
    const names = ['a', 'b', 'c']
    const apps = await Promise.all(
      names.map(async (name) => {
        const origin = await httpOrigin(t, ({ url }, response) => {
          if (url === '/login') response.setHeader('Set-Cookie', `sid=${randomUUID()}; Path=/`)
          response.end(name)
        })
        return { name, origin }
      }),
    )
    const twice = { maxFails: 2 }
    const limpet = await learning(t, 'cookie:sid', apps, { servers: { a: twice, b: twice, c: twice } })
    const user = new User()
    const home = (await user.get(limpet.port, '/login')).body
    const { origin } = apps.find(({ name }) => name === home)!
    await origin.kill()
    assert.notEqual((await user.get(limpet.port)).body, home)
    await limpet.log.find(/ retry$/)
    await origin.revive()
    assert.equal((await user.get(limpet.port)).body, home)
    await limpet.log.matching(/ stuck$/, 1)
    await origin.kill()
    for (let failure = 0; failure < 2; failure++) assert.notEqual((await user.get(limpet.port)).body, home)
    const moved = (await user.get(limpet.port)).body
    await limpet.log.find(/ moved:down$/)
    await origin.revive()
    for (let turn = 0; turn < 4; turn++) assert.equal((await user.get(limpet.port)).body, moved)
  })

  test('is refused while its server is down, if it is to be', async (t) => {
    const apps = await threeApps(t, byCookie)
    const limpet = await learning(t, 'cookie:sid', apps, {
      affinity: { onLost: 'refuse' },
      servers: { a: { maxFails: 0 }, b: { maxFails: 0 }, c: { maxFails: 0 } },
    })
    const user = new User()
    const home = (await user.get(limpet.port)).body.split(' ')[0]
    const { origin } = apps.find(({ name }) => name === home)!
    await origin.kill()
    assert.equal((await user.get(limpet.port)).status, 503)
    await limpet.log.find(/ 503 .* refused:down$/)
    await origin.revive()
    assert.equal((await user.get(limpet.port)).body, `${home} 2`)
  })

  test('stays on a server that drains, and no other comes to it', async (t) => {
    const stateDirectory = await stateFolder(t)
    const apps = await threeApps(t, byCookie)
    const before = await learning(t, 'cookie:sid', apps, { stateDirectory })
    const users = await arrive(before, 12)
    await stop(before)
    const limpet = await learning(t, 'cookie:sid', apps, { stateDirectory, servers: { a: { drain: true } } })
    for (const [user, server] of users) assert.equal((await user.get(limpet.port)).body, `${server} 2`)
    for (const server of (await arrive(limpet, 12)).values()) assert.notEqual(server, 'a')
    for (let i = 0; i < 12; i++) {
      assert.doesNotMatch((await new User().get(limpet.port, '/', { Cookie: `sid=invented${i}` })).body, /^a/)
    }
  })
})

test('a session in a header of the answer is found by the header of the requests after it', async (t) => {
  const limpet = await learning(t, 'header:Mcp-Session-Id', await threeApps(t, byHeader))
  for (let user = 0; user < 9; user++) {
    const { headers, body } = await new User().get(limpet.port)
    const id = headers['mcp-session-id'] as string
    for (let turn = 2; turn < 5; turn++) {
      const next = await new User().get(limpet.port, '/', { 'mcp-session-id': id })
      assert.equal(next.body, `${body.split(' ')[0]} ${turn}`)
    }
  }
})

test('a session in the address that a redirect leads to is found by the query', async (t) => {
  const limpet = await learning(t, ['cookie:other', 'query:sid'], await threeApps(t, byRedirect))
  for (let user = 0; user < 9; user++) {
    const { headers, body } = await new User().get(limpet.port, '/shop')
    const path = headers.location!.toString().replace('#top', '')
    assert.match(path, /^\/shop\?lang=en&sid=/)
    for (let turn = 2; turn < 5; turn++) {
      assert.equal((await new User().get(limpet.port, path)).body, `${body.split(' ')[0]} ${turn}`)
    }
  }
})

describe('Socket.IO on three servers, for clients of one address that keep no cookies', () => {
  const ways = { 'by long polling': ['polling'], 'by polling, then upgraded': ['polling', 'websocket'] }
  for (const [way, transports] of Object.entries(ways)) {
    test(`works ${way}, and spreads`, async (t) => {
      const origins = await Promise.all(
        ['a', 'b', 'c'].map(async (name) => {
          const origin = await httpOrigin(t, (_request, response) => response.end())
          const server = new SocketIoServer(origin.server as ReturnType<typeof createServer>)
          server.on('connection', (socket) => socket.on('say', (text, reply) => reply(`${name}: ${text}`)))
          t.after(() => void server.close())
          return { name, origin }
        }),
      )
      const limpet = await learning(t, 'socket.io', origins)
      const client = async (index: number) => {
        const socket = io(limpet.url, { transports, forceNew: true, reconnection: false })
        t.after(() => socket.disconnect())
        await new Promise<void>((resolve, reject) => {
          socket.on('connect', resolve)
          socket.on('connect_error', reject)
        })
        const [name] = (await socket.emitWithAck('say', 'first')).split(':')
        for (let turn = 0; turn < 5; turn++) {
          assert.equal(await socket.emitWithAck('say', `${index}.${turn}`), `${name}: ${index}.${turn}`)
        }
        if (transports.includes('websocket') && socket.io.engine.transport.name !== 'websocket') {
          await once(socket.io.engine as unknown as NodeJS.EventEmitter, 'upgrade')
        }
        assert.equal(await socket.emitWithAck('say', 'last'), `${name}: last`)
        return name
      }
      const names = await Promise.all(Array.from({ length: 30 }, (_, index) => client(index)))
      assert.equal(new Set(names).size, 3)
    })
  }
})

describe('an Engine.IO handshake', () => {
  const OPEN = '0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'
  const HANDSHAKE = 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n'
  const POLL = HANDSHAKE.replace('polling', 'polling&sid=lv_VI97HAXpY6yYWAAAC')
  const learnt = { affinity: { type: 'learn', from: 'socket.io' } }
  const chunked = (...chunks: Buffer[]) =>
    [...chunks, ''].map((chunk) => `${chunk.length.toString(16)};x=1\r\n${chunk.toString('latin1')}\r\n`).join('')
  const packed = gzipSync(OPEN)
  const exactly = (text: string) => new RegExp(`^${text.replaceAll(/[^\w]/g, '\\$&')}$`)

  const answers: Readonly<Record<string, { fields: string; body: string }>> = {
    'of known length': { fields: `Content-Length: ${OPEN.length}`, body: OPEN },
    'that ends with the connection': { fields: 'Connection: close', body: OPEN },
    'in chunks that cut the id': {
      fields: 'Transfer-Encoding: chunked',
      body: chunked(Buffer.from(OPEN.slice(0, 12)), Buffer.from(OPEN.slice(12))),
    },
    'in chunks whose sizes are padded': {
      fields: 'Transfer-Encoding: chunked',
      body: chunked(Buffer.from(OPEN)).replaceAll(';x=1', ' \t;x=1'),
    },
    'in gzip and in chunks': {
      fields: 'Content-Encoding: gzip\r\nTransfer-Encoding: chunked',
      body: chunked(packed.subarray(0, 20), packed.subarray(20)),
    },
  }
  for (const [kind, { fields, body }] of Object.entries(answers)) {
    test(`is learnt from an answer ${kind}, byte by byte, and each byte goes on at once`, async (t) => {
      const { limpet, origin, client } = await throughTo(t, {}, learnt)
      client.say(HANDSHAKE)
      await origin.request()
      origin.say(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`)
      let expected = await client.hear(/\r\n\r\n$/)
      const endsByClosing = fields === 'Connection: close'
      const hasChunks = fields.endsWith('chunked')
      for (const byte of body) {
        origin.say(byte)
        if (hasChunks) continue
        expected += endsByClosing ? `1\r\n${byte}\r\n` : byte
        await client.hear(exactly(expected))
      }
      if (hasChunks) await client.hear(exactly(expected + body.replaceAll(/[ \t]*;x=1/g, '')))
      if (endsByClosing) origin.end()
      await limpet.log.find(/ 200 .* new$/)
      const next = await RawClient.connect(t, limpet.port)
      next.say(POLL)
      await origin.request(/sid=/)
      origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await next.hear(/ok$/)
      await limpet.log.find(/sid=.* stuck$/)
    })
  }

  test('whose answer says something else is passed on, and nothing is learnt', async (t) => {
    const { limpet, origin, client } = await throughTo(t, {}, learnt)
    client.say(HANDSHAKE)
    await origin.request()
    origin.say('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!')
    await client.take(/not gzip!$/)
    client.say(POLL)
    await origin.request(/sid=/)
    origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.hear(/ok$/)
    await limpet.log.find(/sid=.* expired$/)
  })
})
