/** A server that drains is asked whether its learnt sessions are still alive. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import type { PortPlace } from '../../src/admin/admin-listener.ts'
import { parseConfig } from '../../src/config/file.ts'
import { Balancer } from '../../src/control/balancer.ts'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'
import { type Answer, User } from '../support/user.ts'

/** How one place of ids is written in the configuration, set by a server, and shown by a client and by Limpet. */
interface Way {
  readonly from: string
  /** Sets the id in a response. */
  set(response: ServerResponse, id: string): void
  /** The path and the headers of a client that has the id. */
  show(id: string): [path: string, headers: Record<string, string>]
  /** The id in a request; undefined for none. */
  shown(request: IncomingMessage): string | undefined
}

const query = (name: string, { url }: IncomingMessage) => new URL(url!, 'http://a').searchParams.get(name) ?? undefined

const ways: Record<string, Way> = {
  'a cookie': {
    from: '"cookie:sid"',
    set: (response, id) => response.setHeader('Set-Cookie', `sid=${id}; Path=/`),
    show: (id) => ['/', { Cookie: `theme=dark; sid=${id}` }],
    shown: ({ headers }) => /(?:^|; )sid=([^;]+)/.exec(headers.cookie ?? '')?.[1],
  },
  'a header': {
    from: '"header:Mcp-Session-Id"',
    set: (response, id) => response.setHeader('Mcp-Session-Id', id),
    show: (id) => ['/', { 'Mcp-Session-Id': id }],
    shown: ({ headers }) => headers['mcp-session-id'] as string | undefined,
  },
  'a parameter': {
    from: '"query:my id"'.replace(' ', '-'),
    set: (response, id) => response.setHeader('Location', `/?my-id=${encodeURIComponent(id)}`).writeHead(302),
    show: (id) => [`/?my-id=${encodeURIComponent(id)}`, {}],
    shown: (request) => query('my-id', request),
  },
  'the sid of Socket.IO': {
    from: 'socket.io',
    set: (response, id) => response.write(`0{"sid":"${id}"}`),
    show: (id) => [`/socket.io/?EIO=4&transport=polling&sid=${encodeURIComponent(id)}`, {}],
    shown: (request) => query('sid', request),
  },
}

/** What a server does with a question. */
type Reply = number | 'hangs' | 'breaks'

interface Stage {
  readonly log: readonly string[]
  readonly stateDirectory: string
  /** The ids that server `a` was asked about, in turn; of `b` in capitals. */
  readonly asked: readonly string[]
  /** The largest number of questions that were open at once. */
  readonly mostOpen: number
  /** Begins a session of that id on the server that round robin has next. */
  begin(id: string): Promise<Answer>
  show(id: string): Promise<Answer>
  drain(isDraining: boolean): Promise<void>
  /** How many sessions are on server `a`. */
  live(): Promise<number>
  untilLive(count: number): Promise<void>
}

/** Two servers, of which `a` answers questions by a table. */
async function stage(t: TestContext, way: Way, replies: ReadonlyMap<string, Reply>): Promise<Stage> {
  const asked: string[] = []
  let open = 0
  let mostOpen = 0
  const server = (name: 'a' | 'b') =>
    httpOrigin(t, (request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://a')
      if (pathname !== '/alive') {
        const id = searchParams.get('begin')
        if (id !== null) way.set(response, id)
        return void response.end()
      }
      assert.equal(searchParams.get('by'), 'limpet')
      assert.equal(request.headers['user-agent'], 'limpet-ask')
      const id = way.shown(request)!
      asked.push(name === 'a' ? id : id.toUpperCase())
      mostOpen = Math.max(mostOpen, ++open)
      response.on('close', () => open--)
      const reply = replies.get(id) ?? 204
      if (reply === 'breaks') return void request.socket.resetAndDestroy()
      if (reply !== 'hangs') response.writeHead(reply).end(reply === 200 ? 'yes' : '')
    })
  const [a, b] = [await server('a'), await server('b')]
  const stateDirectory = await temporaryFolder(t)
  const config = (isDraining: boolean) =>
    parseConfig(
      `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        admin: { port: 0 }
        accessLog: off
        stateDirectory: ${stateDirectory}
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            affinity: { type: learn, from: ${way.from} }
            drain: { ask: "/alive?by=limpet" }
            servers:
              - { name: a, address: ${a.address}, drain: ${isDraining} }
              - { name: b, address: ${b.address} }
      `,
      'limpet.yaml',
      {},
    )
  const log: string[] = []
  const balancer = await Balancer.start({
    file: config(false),
    log: pino({ base: null }, { write: (line: string) => void log.push(line) }),
  })
  t.after(() => balancer.stop())
  const [{ port }] = balancer.listeners as readonly [PortListener]
  const live = async () => {
    const { address, port } = balancer.adminPlace as PortPlace
    const { servers } = (await (await fetch(`http://${address}:${port}/v1/upstreams/app`)).json()) as {
      servers: readonly { name: string; sessions: { live: number } }[]
    }
    return servers.find(({ name }) => name === 'a')!.sessions.live
  }
  return {
    log,
    stateDirectory,
    asked,
    get mostOpen() {
      return mostOpen
    },
    begin: (id) => new User().get(port, `/?EIO=4&transport=polling&begin=${encodeURIComponent(id)}`),
    show: (id) => new User().get(port, ...way.show(id)),
    async drain(isDraining) {
      await balancer.apply(config(isDraining))
    },
    live,
    async untilLive(count) {
      // The counts are refreshed now and then.
      await until(async () => (await live()) === count)
    },
  }
}

describe('a server that drains', () => {
  for (const [place, way] of Object.entries(ways)) {
    test(`is asked with the id in ${place}, and ends a session by 404 or 410`, async (t) => {
      const replies = new Map<string, Reply>([
        ['ended-1', 404],
        ['ended-2', 410],
      ])
      const { begin, show, drain, untilLive, asked, log, stateDirectory } = await stage(t, way, replies)
      // Round robin: every second one begins on `b`.
      const own = ['alive-1', 'ended-1', 'alive.2/+~ %', 'ended-2'].filter(
        (id) => place !== 'a cookie' || !id.includes(' '),
      )
      for (const id of own) {
        await begin(id)
        await begin(`other-${id}`)
      }
      await untilLive(own.length)
      // One that came back is known by what its client shows.
      await show('alive-1')
      assert.deepEqual(asked, [])
      await drain(true)
      await untilLive(own.length - 2)
      await until(() => asked.length >= own.length)
      assert.deepEqual([...asked].sort(), [...own].sort())
      assert.ok(log.some((line) => /server a says that a session is over \(\/alive\?by=limpet\)/.test(line)))
      const names = readdirSync(stateDirectory).filter((name) => !name.endsWith('.sock'))
      const files = names.map((name) => readFileSync(join(stateDirectory, name), 'latin1'))
      for (const text of [...log, ...files]) assert.doesNotMatch(text, /ended-|alive-1/)
    })
  }

  test('ends no session by another answer, by an error or by silence, and is asked one question at a time', async (t) => {
    const replies = new Map<string, Reply>([
      ['breaks', 'breaks'],
      ['hangs', 'hangs'],
      ...[200, 204, 301, 400, 401, 403, 405, 500, 503].map((status) => [`status-${status}`, status] as const),
      ['ended', 410],
    ])
    const limpet = await stage(t, ways['a cookie']!, replies)
    for (const id of replies.keys()) {
      await limpet.begin(id)
      await limpet.begin(`other-${id}`)
    }
    await limpet.drain(true)
    await until(() => limpet.asked.length === replies.size)
    await limpet.untilLive(replies.size - 1)
    assert.deepEqual([...limpet.asked].sort(), [...replies.keys()].sort())
    assert.equal(limpet.mostOpen, 1)
  })

  test('is asked only while it drains, about sessions that are there', async (t) => {
    const replies = new Map<string, Reply>()
    const { begin, show, drain, untilLive, asked } = await stage(t, ways['a cookie']!, replies)
    for (const id of ['first', 'on-b', 'second', 'on-b-too']) await begin(id)
    await drain(true)
    await until(() => asked.length === 2)
    await drain(false)
    replies.set('third', 410)
    await begin('third')
    await untilLive(3)
    // It would have ended with a question.
    await show('third')
    assert.equal(asked.length, 2)
    await drain(true)
    await untilLive(2)
    assert.ok(asked.includes('third'))
  })
})
