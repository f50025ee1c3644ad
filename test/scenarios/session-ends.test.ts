/** What ends a session: the application's logout, and what a server says in its responses. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import express from 'express'
import session from 'express-session'
import { WebSocket, WebSocketServer } from 'ws'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { untilSaved } from '../support/saved-sessions.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

/** How many sessions the upstream's servers have, by their names. */
async function liveSessions(limpet: Limpet): Promise<Record<string, number>> {
  const { servers } = (await (await fetch(`${await adminUrlOf(limpet)}/v1/upstreams/app`)).json()) as {
    servers: readonly { name: string; sessions: { live: number } }[]
  }
  return Object.fromEntries(servers.map(({ name, sessions }) => [name, sessions.live]))
}

async function untilLive(limpet: Limpet, expected: Record<string, number>): Promise<void> {
  // The counts are refreshed now and then.
  await until(async () => isDeepStrictEqual(await liveSessions(limpet), expected))
}

async function stop(limpet: Limpet): Promise<void> {
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
}

/** A server whose response to a path is a table's: the headers that it sets. */
function tableOrigin(t: TestContext, responses: Record<string, Record<string, string | string[]>>): Promise<Origin> {
  return httpOrigin(t, ({ url, headers: { cookie } }, response) => {
    for (const [name, value] of Object.entries(responses[url!] ?? {})) response.setHeader(name, value)
    response.end(`${cookie ?? '-'}`)
  })
}

const learning = (servers: readonly Origin[], stateDirectory: string) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  admin: { port: 0 }
  stateDirectory: ${stateDirectory}
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: learn, from: "cookie:sid" }
      drain: { headers: true }
      servers: [${servers.map(({ address }, index) => `{ name: ${'ab'[index]}, address: "${address}" }`).join(', ')}]
`

describe('a logout', () => {
  test('of express-session ends the session at once, and a restart does not bring it back', async (t) => {
    const application = express()
    application.use(
      session({ secret: 'of the test', resave: true, rolling: true, saveUninitialized: true, name: 'sid' }),
    )
    application.get('/logout', (request, response) => {
      request.session.destroy(() => response.clearCookie('sid').send('bye'))
    })
    application.get('/', ({ sessionID }, response) => void response.send(sessionID))
    const origin = await httpOrigin(t, application)
    const stateDirectory = await temporaryFolder(t)
    const limpet = await startLimpet(t, learning([origin], stateDirectory))
    const users = Array.from({ length: 5 }, () => new User())
    for (const user of users) await user.get(limpet.port)
    await untilLive(limpet, { a: 5 })
    const [leaver] = users as [User]
    const { cookie } = leaver
    await leaver.get(limpet.port, '/logout')
    await untilLive(limpet, { a: 4 })
    await stop(limpet)
    const next = await startLimpet(t, learning([origin], stateDirectory))
    await next.errors.find(/4 sessions? restored/)
    await new User().get(next.port, '/', { Cookie: cookie })
    await next.log.find(/ expired$/)
  })

  const past = 'Thu, 01-Jan-1970 00:00:01 GMT'
  const deletions = {
    'as PHP writes it': `sid=deleted; expires=${past}; Max-Age=0; path=/`,
    'as old PHP writes it': `sid=deleted; expires=${past}; path=/`,
    'as Tomcat writes it': `sid=""; Max-Age=0; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/; HttpOnly`,
    'as Django writes it': 'sid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax',
    'as Rack writes it': 'sid=; path=/; max-age=0; expires=Thu, 01 Jan 1970 00:00:00 GMT',
    'as ASP.NET writes it': 'sid=; expires=Tue, 12-Oct-1999 00:00:00 GMT; path=/; HttpOnly',
    'with two digits for the year': 'sid=x; Expires=Thursday, 01-Jan-70 00:00:00 GMT; Path=/',
    'with a negative Max-Age': 'sid=x; Max-Age=-1; Path=/',
    'without a value': 'sid=',
  }
  test('ends the session however the cookie is deleted', async (t) => {
    const ways = Object.entries(deletions)
    const origin = await tableOrigin(
      t,
      Object.fromEntries([
        ['/in', { 'Set-Cookie': 'sid=the-id; Path=/' }],
        ...ways.map(([, line], index) => [`/out/${index}`, { 'Set-Cookie': ['theme=dark', line] }]),
      ]),
    )
    const limpet = await startLimpet(t, learning([origin], await temporaryFolder(t)))
    for (const [index, [way]] of ways.entries()) {
      await new User().get(limpet.port, '/in')
      await new User().get(limpet.port, `/out/${index}`, { Cookie: 'sid=the-id' })
      await new User().get(limpet.port, '/', { Cookie: 'sid=the-id' })
      const [, reason] = (await limpet.log.matching(/"GET \/ .* (\S+)$/, index + 1)).at(-1)!.match(/ (\S+)$/)!
      assert.equal(reason, 'expired', way)
    }
  })

  test('ends no session of another cookie, of another path, or where the cookie lives on', async (t) => {
    const origin = await tableOrigin(t, {
      '/in': { 'Set-Cookie': 'sid=the-id; Path=/' },
      '/1': { 'Set-Cookie': 'other=; Path=/; Max-Age=0' },
      '/2': { 'Set-Cookie': 'sid=; Path=/elsewhere; Max-Age=0' },
      '/3': {
        'Set-Cookie': ['sid=; Path=/old; Max-Age=0', 'sid=the-id; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT'],
      },
      '/4': { 'Set-Cookie': 'sid=the-id; Path=/; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT' },
    })
    const limpet = await startLimpet(t, learning([origin], await temporaryFolder(t)))
    await new User().get(limpet.port, '/in')
    for (const path of ['/1', '/2', '/3', '/4', '/']) await new User().get(limpet.port, path, { Cookie: 'sid=the-id' })
    await limpet.log.matching(/ stuck$/, 5)
  })

  test('is not undone by requests that were in flight, or in the queue', async (t) => {
    const held: ServerResponse[] = []
    const origin = await httpOrigin(t, ({ url }, response) => {
      if (url === '/in') response.setHeader('Set-Cookie', 'sid=the-id; Path=/')
      if (url === '/held') held.push(response)
      else response.end()
    })
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: learn, from: "cookie:sid" }
          queue: { size: 1 }
          servers: [{ name: a, address: ${origin.address}, maxConnections: 2 }]
    `
    const limpet = await startLimpet(t, config)
    const get = (path: string) => new User().get(limpet.port, path, { Cookie: 'sid=the-id' })
    await get('/in')
    const answers = [get('/held'), get('/held')]
    await until(() => held.length === 2)
    // There is room for one: once the other is refused, that one waits.
    const queued = [get('/queued'), get('/queued')]
    assert.equal((await Promise.race(queued)).status, 503)
    held[0]!.setHeader('Set-Cookie', 'sid=; Path=/; Max-Age=0').end()
    await answers[0]
    assert.deepEqual((await Promise.all(queued)).map(({ status }) => status).sort(), [200, 503])
    // With rolling sessions, each response sets the cookie again.
    held[1]!.setHeader('Set-Cookie', 'sid=the-id; Path=/').end()
    await answers[1]
    assert.deepEqual(await liveSessions(limpet), { a: 0 })
    await get('/')
    await limpet.log.find(/"GET \/ .* expired$/)
    // A login later on may use the same id again.
    await get('/in')
    await untilLive(limpet, { a: 1 })
  })
})

describe('Limpet-Session: end', () => {
  const responses = {
    '/in': { 'Set-Cookie': 'sid=the-id; Path=/' },
    '/out': { 'Limpet-Session': 'End' },
    '/anew': { 'Limpet-Session': 'end', 'Set-Cookie': 'sid=another-id; Path=/' },
    '/again': { 'limpet-session': 'end', 'Set-Cookie': 'sid=the-id; Path=/' },
    '/odd': { 'Limpet-Session': 'ends' },
  }

  test('ends a learnt session, which a restart does not bring back, and an id of the same response is learnt', async (t) => {
    const origin = await tableOrigin(t, responses)
    const stateDirectory = await temporaryFolder(t)
    const limpet = await startLimpet(t, learning([origin], stateDirectory))
    const user = new User()
    for (const path of ['/in', '/again', '/in', '/out']) {
      const { headers } = await user.get(limpet.port, path)
      assert.equal(headers['limpet-session'], undefined)
      await untilLive(limpet, { a: path === '/in' ? 1 : 0 })
    }
    await user.get(limpet.port, '/in')
    await user.get(limpet.port, '/anew')
    await untilLive(limpet, { a: 1 })
    await stop(limpet)
    const next = await startLimpet(t, learning([origin], stateDirectory))
    await next.errors.find(/1 sessions? restored/)
    await new User().get(next.port, '/1', { Cookie: 'sid=the-id' })
    await next.log.find(/"GET \/1 .* expired$/)
    await new User().get(next.port, '/2', { Cookie: 'sid=another-id' })
    await next.log.find(/"GET \/2 .* stuck$/)
  })

  const byCookie = (servers: readonly Origin[], stateDirectory: string, drain = '{ headers: true }') => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    stateDirectory: ${stateDirectory}
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick }
        drain: ${drain}
        servers: [${servers.map(({ address }, index) => `{ name: ${'ab'[index]}, address: "${address}" }`).join(', ')}]
  `

  test("deletes Limpet's cookie, and a copy of it is worth nothing, over a restart too", async (t) => {
    const origins = [await tableOrigin(t, responses), await tableOrigin(t, responses)]
    const stateDirectory = await temporaryFolder(t)
    const limpet = await startLimpet(t, byCookie(origins, stateDirectory))
    const user = new User()
    await user.get(limpet.port)
    await untilLive(limpet, { a: 1, b: 0 })
    const copy = user.cookie
    const { setCookies, headers } = await user.get(limpet.port, '/out')
    assert.match(setCookies.join(), /^stick=;.*; Max-Age=0$/)
    assert.equal(headers['cache-control'], 'private')
    assert.equal(headers['limpet-session'], undefined)
    assert.equal(user.cookie, '')
    await untilLive(limpet, { a: 0, b: 0 })
    // Whoever ends a session that there never was gets no cookie.
    assert.deepEqual((await user.get(limpet.port, '/out')).setCookies, [])
    const late = new User()
    assert.match((await late.get(limpet.port, '/late', { Cookie: copy })).setCookies.join(), /^stick=[\w-]{55};/)
    await limpet.log.find(/"GET \/late .* expired$/)
    await late.get(limpet.port)
    await untilSaved(t, stateDirectory, 1)
    await stop(limpet)
    const next = await startLimpet(t, byCookie(origins, stateDirectory))
    await next.errors.find(/1 sessions? restored/)
    await new User().get(next.port, '/restarted', { Cookie: copy })
    await next.log.find(/"GET \/restarted .* expired$/)
    await late.get(next.port, '/known')
    await next.log.find(/"GET \/known .* stuck$/)
  })

  test('is not undone by requests of the session that were in flight', async (t) => {
    const held: ServerResponse[] = []
    const origin = await httpOrigin(t, ({ url }, response) => {
      if (url === '/held') held.push(response)
      else response.setHeader('Limpet-Session', url === '/out' ? 'end' : 'go on').end()
    })
    const stateDirectory = await temporaryFolder(t)
    const limpet = await startLimpet(t, byCookie([origin], stateDirectory))
    const user = new User()
    await user.get(limpet.port)
    const copy = { Cookie: user.cookie }
    const answers = [1, 2, 3].map(() => new User().get(limpet.port, '/held', copy))
    await until(() => held.length === 3)
    await user.get(limpet.port, '/out')
    for (const response of held) response.end()
    for (const { setCookies } of await Promise.all(answers)) assert.deepEqual(setCookies, [])
    assert.deepEqual(await liveSessions(limpet), { a: 0 })
    await new User().get(limpet.port, '/late', copy)
    await limpet.log.find(/"GET \/late .* expired$/)
  })

  test('ends the count of a session that goes by a key, which begins again with its next request', async (t) => {
    const config = (origin: Origin) => `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: header, name: X-User }
          drain: { headers: true }
          servers: [{ name: a, address: ${origin.address} }]
    `
    const limpet = await startLimpet(t, config(await tableOrigin(t, responses)))
    const get = (path: string) => new User().get(limpet.port, path, { 'X-User': '7' })
    await get('/')
    await untilLive(limpet, { a: 1 })
    await get('/out')
    await untilLive(limpet, { a: 0 })
    await get('/')
    await untilLive(limpet, { a: 1 })
  })

  test('passes to the client as any other header where headers is off', async (t) => {
    const origin = await tableOrigin(t, { '/out': { 'Limpet-Session': 'end', 'Limpet-Server': 'drain' } })
    const limpet = await startLimpet(t, byCookie([origin], await temporaryFolder(t), '{}'))
    const user = new User()
    await user.get(limpet.port)
    const { headers, setCookies } = await user.get(limpet.port, '/out')
    assert.deepEqual([headers['limpet-session'], headers['limpet-server'], setCookies], ['end', 'drain', []])
    await user.get(limpet.port, '/after')
    await limpet.log.find(/"GET \/after .* stuck$/)
    assert.ok(!limpet.errors.all.some((line) => line.includes('asks')))
  })

  test('of another value ends nothing, is removed, and is reported', async (t) => {
    const limpet = await startLimpet(t, learning([await tableOrigin(t, responses)], await temporaryFolder(t)))
    const user = new User()
    await user.get(limpet.port, '/in')
    assert.equal((await user.get(limpet.port, '/odd')).headers['limpet-session'], undefined)
    await user.get(limpet.port, '/after')
    await limpet.log.find(/"GET \/after .* stuck$/)
    await limpet.errors.find(/WARN.*upstream app: server a sends "Limpet-Session: ends", which means nothing; write /)
  })

  test('is removed from interim responses, where it means nothing, and counts when protocols are switched', async (t) => {
    const origin = await httpOrigin(t, ({ url }, response) => {
      if (url === '/in') response.setHeader('Set-Cookie', 'sid=the-id; Path=/')
      else response.writeEarlyHints({ link: '</a.css>; rel=preload', 'Limpet-Session': 'end' })
      response.end()
    })
    const sockets = new WebSocketServer({ server: origin.server as never })
    t.after(() => sockets.close())
    sockets.on('headers', (headers) => headers.push('Limpet-Session: end', 'Limpet-Server: drain'))
    const limpet = await startLimpet(t, learning([origin], await temporaryFolder(t)))
    await new User().get(limpet.port, '/in')
    const headers = { Cookie: 'sid=the-id' }
    const hinted = request({ port: limpet.port, host: '127.0.0.1', path: '/hinted', headers }).end()
    const [hints] = await once(hinted, 'information')
    assert.deepEqual(Object.keys(hints.headers), ['link'])
    await limpet.log.find(/"GET \/hinted .* stuck$/)
    assert.deepEqual(await liveSessions(limpet), { a: 1 })
    const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/socket`, { headers })
    const [upgrade] = await once(socket, 'upgrade')
    assert.deepEqual(
      Object.keys(upgrade.headers).filter((name) => name.startsWith('limpet')),
      [],
    )
    await untilLive(limpet, { a: 0 })
    socket.terminate()
    await limpet.log.find(/"GET \/socket .* stuck$/)
  })
})

describe('Limpet-Server', () => {
  test('is reported when it changes, and no client sees it', async (t) => {
    let wish = 'ready'
    const origin = await httpOrigin(t, (_, response) => void response.setHeader('LIMPET-SERVER', wish).end())
    const limpet = await startLimpet(t, learning([origin], await temporaryFolder(t)))
    const user = new User()
    // It is the only server, so that it stays. The log says so, too.
    const asks = () => limpet.errors.all.filter((line) => / INFO: .* asks /.test(line))
    for (const [count, [next, words]] of [
      ['drain', 'to be drained'],
      ['ready', 'for new sessions again'],
      ['drain', 'to be drained'],
    ].entries()) {
      wish = next!
      await until(async () => {
        assert.equal((await user.get(limpet.port)).headers['limpet-server'], undefined)
        return asks().length > count
      })
      assert.match(asks().at(-1)!, new RegExp(`INFO.*upstream app: server a asks ${words}$`))
    }
    for (let turn = 0; turn < 20; turn++) await user.get(limpet.port)
    assert.equal(asks().length, 3)
  })
})
