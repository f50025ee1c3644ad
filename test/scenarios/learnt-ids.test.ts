/** Which of the ids in answers and requests is the session that Limpet learns and recognizes. */
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import type { ServingLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { User } from '../support/user.ts'

type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** The addresses of three servers that answer so, each with its name as the body. */
function threeServers(test: TestContext, answer: Answer): Promise<string[]> {
  return Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const { address } = await httpOrigin(test, (request, response) => {
        answer(response, request)
        response.end(name)
      })
      return address
    }),
  )
}

/** Sets these cookies where the query has `new=ID`, with the ID in place of `#`. */
const setting =
  (...fields: string[]): Answer =>
  (response, { url }) => {
    const id = new URL(url!, 'http://a').searchParams.get('new')
    if (id !== null)
      response.setHeader(
        'Set-Cookie',
        fields.map((field) => field.replaceAll('#', id)),
      )
  }

async function serverFor({ port }: ServingLimpet, path: string, cookie = 'none=1'): Promise<string> {
  return (await new User().get(port, path, { Cookie: cookie })).body
}

/** Asserts that requests with that cookie stay on that server. */
async function assertKept(limpet: ServingLimpet, server: string, cookie: string, path = '/'): Promise<void> {
  for (let turn = 0; turn < 4; turn++) assert.equal(await serverFor(limpet, path, cookie), server)
}

/** Learns the session from the cookie SID. */
const learningSid = (servers: readonly string[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: learn, from: "cookie:SID" }
      servers: [${servers}]
`

describe('a session is learnt', () => {
  const answers: Readonly<Record<string, string[]>> = {
    'although the answer deletes a cookie of the same name on another path': [
      'SID=#; Path=/',
      'SID=; Path=/old; Max-Age=0',
    ],
    'although the answer deletes one of another domain': [
      'SID=#',
      'SID=x; Domain=example.org; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    ],
    'although the answer deletes one of another partition': [
      'SID=#; Path=/; Secure; Partitioned',
      'SID=; Path=/; Max-Age=0',
    ],
    'from a cookie in quotes': ['SID="#"; Path=/'],
  }
  for (const [what, fields] of Object.entries(answers)) {
    test(what, async (t) => {
      const limpet = await sharedLimpet(learningSid(await threeServers(t, setting(...fields))))
      for (const id of ['one', 'two', 'three', 'four']) {
        const server = await serverFor(limpet, `/?new=${id}`)
        await assertKept(limpet, server, `SID=${id}`)
        await assertKept(limpet, server, `SID="${id}"`)
      }
    })
  }

  test('by both ids of an answer that sets two', async (t) => {
    const fields = ['SID=#-all; Path=/', 'SID=#-app; Path=/app']
    const limpet = await sharedLimpet(learningSid(await threeServers(t, setting(...fields))))
    for (const id of ['one', 'two', 'three', 'four']) {
      const server = await serverFor(limpet, `/?new=${id}`)
      await assertKept(limpet, server, `SID=${id}-all`)
      await assertKept(limpet, server, `SID=${id}-app`, '/app')
    }
  })

  test('and stays known when an answer deletes a cookie that the request cannot have shown', async (t) => {
    const servers = await threeServers(t, (response, request) => {
      setting('SID=#; Path=/')(response, request)
      if (!response.hasHeader('Set-Cookie')) response.setHeader('Set-Cookie', 'SID=; Path=/old; Max-Age=0')
    })
    const limpet = await sharedLimpet(learningSid(servers))
    const server = await serverFor(limpet, '/?new=one')
    await assertKept(limpet, server, 'SID=one')
    assert.equal((await limpet.log.matching(/ stuck$/, 4)).length, 4)
  })
})

test('of two cookies with the same name, the known one counts', async (t) => {
  const limpet = await sharedLimpet(learningSid(await threeServers(t, setting('SID=#; Path=/'))))
  for (const id of ['one', 'two', 'three', 'four']) {
    const server = await serverFor(limpet, `/?new=${id}`)
    await assertKept(limpet, server, `SID=stale; SID=${id}`)
    await assertKept(limpet, server, `SID=${id}; SID=stale`)
    await assertKept(limpet, server, `SID=; SID="stale"; SID=${id}`)
  }
  await limpet.log.matching(/ stuck$/, 48)
})

test('of two parameters with the same name, the known one counts, and names and values may be escaped', async (t) => {
  const servers = await threeServers(t, (response, { url }) => {
    if (!url!.startsWith('/begin')) return
    response.statusCode = 303
    response.setHeader('Location', '/shop?lang=en&session=a%2Fb+c')
  })
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: learn, from: "query:session" }
        servers: [${servers}]
  `
  const limpet = await sharedLimpet(config)
  const server = await serverFor(limpet, '/begin')
  const ways = [
    'session=a%2Fb+c',
    'session=a/b%20c',
    '%73ession=a%2fb+c',
    'session=x&session=a/b+c',
    'session=&%73essio%6E=%61/b+c',
  ]
  for (const way of ways) await assertKept(limpet, server, 'none=1', `/shop?${way}`)
  await limpet.log.matching(/ stuck$/, 4 * ways.length)
})

describe("the application's own id, in a request whose answer sets none,", () => {
  /** Accepts every id but a bad one, and never sets one. */
  const accepting: Answer = (response, { headers }) => {
    if (headers.cookie?.includes('bad')) response.statusCode = 403
  }
  const SID = 'SID=minted-elsewhere'
  const adoptingSid = (servers: readonly string[]) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: learn, from: "cookie:SID", adopt: true }
        servers: [${servers}]
  `

  test('is not learnt by default: its hash picks the server', async (t) => {
    const limpet = await sharedLimpet(learningSid(await threeServers(t, accepting)))
    await assertKept(limpet, await serverFor(limpet, '/', SID), SID)
    await limpet.log.matching(/ expired$/, 5)
  })

  test('is learnt with adopt: true, on the server that answered', async (t) => {
    const limpet = await sharedLimpet(adoptingSid(await threeServers(t, accepting)))
    const server = await serverFor(limpet, '/', SID)
    await assertKept(limpet, server, SID)
    await limpet.log.matching(/ expired$/, 1)
    await limpet.log.matching(/ stuck$/, 4)
  })

  test('is not learnt with adopt: true from an answer that is an error', async (t) => {
    const limpet = await sharedLimpet(adoptingSid(await threeServers(t, accepting)))
    await serverFor(limpet, '/', 'SID=bad')
    await serverFor(limpet, '/', 'SID=bad')
    await limpet.log.matching(/ 403 .* expired$/, 2)
  })
})

describe('a handshake of Engine.IO', () => {
  const queries = ['EIO=4&transport=polling&sid=', 'EI%4F=4&%74ransport=polling', 'sid&EIO=4&transport=polling']
  for (const query of queries) {
    test(`is recognized in ${query}, and its session by an escaped name too`, async (t) => {
      const servers = await threeServers(t, (response, { url }) => {
        if (/sid=[^&]/.test(url!.replaceAll('%73', 's'))) return
        response.write('0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[]}')
      })
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            affinity: { type: learn, from: socket.io }
            servers: [${servers}]
      `
      const limpet = await sharedLimpet(config)
      const opened = await serverFor(limpet, `/socket.io/?${query}`)
      const server = opened.at(-1)!
      await assertKept(limpet, server, 'none=1', '/socket.io/?EIO=4&transport=polling&%73id=lv_VI97HAXpY6yYWAAAC')
      await limpet.log.matching(/ stuck$/, 4)
    })
  }
})
