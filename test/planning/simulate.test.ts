/** `simulate` makes of a log what Limpet would make of its requests. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { SimulatedConfiguration, SimulatedUpstream, Simulation } from '../../src/planning/answers.ts'
import { explain } from '../../src/planning/explain.ts'
import { simulate } from '../../src/planning/simulation/simulate.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, runLimpet, startLimpet } from '../support/limpet.ts'
import { snapshotOf } from '../support/snapshot.ts'
import { User } from '../support/user.ts'
import { Site, startApp, Visitor } from './population.ts'

const HOST = 'here.example.org'

interface Line {
  readonly client: string
  readonly agent?: string
  readonly second?: number
  readonly path?: string
  readonly seconds?: number
}

function lineOf({ client, agent = 'a browser', second = 0, path = '/', seconds = 0.1 }: Line): string {
  const time = new Date(Date.UTC(2026, 10, 22, 20, 0, second)).toUTCString()
  const [, day, month, year, clock] = /^\w+, (\d+) (\w+) (\d+) (\S+)/.exec(time)!
  return `${client} - - [${day}/${month}/${year}:${clock} +0000] "GET ${path} HTTP/1.1" 200 1 "-" "${agent}" - 200 ${seconds.toFixed(3)} new`
}

/** The same requests of many users, one after the other: user `n` comes `n % 3 + 1` times. */
function visitsOf(users: number): Line[] {
  return Array.from({ length: 3 * users }, (_, index) => ({
    client: `10.${(index % users) >> 8}.${(index % users) & 255}.9`,
    second: Math.floor(index / 10),
    round: Math.floor(index / users),
    user: index % users,
  })).filter(({ round, user }) => round <= user % 3)
}

function configOf(app: object, port = 9) {
  const servers = ['a', 'b', 'c'].map((name) => ({ name, address: `127.0.0.1:${port}` }))
  return {
    listeners: [{ address: '127.0.0.1', port: 8080 }],
    trustedProxies: ['127.0.0.1'],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers, ...app } },
  }
}

async function simulated(
  test: TestContext,
  config: object,
  lines: readonly Line[],
  users: 'address' | 'agent' = 'agent',
) {
  async function* batches() {
    yield lines.map(lineOf)
  }
  const snapshots = [{ name: 'a.yaml', snapshot: await snapshotOf(test, config) }]
  return simulate(batches(), snapshots, { users, host: '' })
}

function appOf({ configurations }: Simulation): SimulatedUpstream {
  return configurations[0]!.upstreams[0]!
}

const counts = ({ servers }: SimulatedUpstream) =>
  Object.fromEntries(servers.map(({ name, requests }) => [name, requests]))

describe('each server gets in a simulation what it gets in a data plane', () => {
  for (const [what, app] of [
    ['round robin', {}],
    ['round robin by weight', { servers: [1, 3, 2].map((weight, index) => ({ name: 'abc'[index], weight })) }],
    ['ip-hash', { balance: 'ip-hash' }],
    ['a cookie', { affinity: 'cookie' }],
    ['learnt sessions', { affinity: { type: 'learn', from: 'header:x-session' } }],
    ['a header', { affinity: { type: 'header', name: 'user-agent' } }],
    ['ketama', { balance: { type: 'consistent-hash', key: 'address' } }],
  ] as const) {
    test(what, async (t) => {
      const port = await startApp(t)
      const config = configOf(
        'servers' in app
          ? { servers: app.servers.map((server) => ({ ...server, address: `127.0.0.1:${port}` })) }
          : app,
        port,
      )
      const site = new Site(config)
      await site.listen()
      t.after(() => site.close())
      const visits = visitsOf(60)
      const visitors = new Map<string, Visitor>()
      const seen: Record<string, number> = { a: 0, b: 0, c: 0 }
      for (const { client } of visits) {
        const visitor = visitors.get(client) ?? new Visitor(client, client)
        visitors.set(client, visitor)
        const { server } = await site.visit(visitor, { 'user-agent': client })
        seen[server]!++
      }
      const simulation = await simulated(
        t,
        config,
        visits.map((visit) => ({ ...visit, agent: visit.client, seconds: 0 })),
      )
      assert.deepEqual(counts(appOf(simulation)), seen)
      assert.equal(appOf(simulation).users, 60)
    })
  }
})

describe('a simulation', () => {
  test('says how many requests a server gets within a second, and has in flight', async (t) => {
    const burst = Array.from({ length: 30 }, () => ({ client: '10.0.0.1', second: 5, seconds: 2 }))
    const quiet = Array.from({ length: 9 }, (_, second) => ({ client: '10.0.0.1', second: 20 + second }))
    const { spread, servers } = appOf(await simulated(t, configOf({}), [...burst, ...quiet]))
    assert.equal(spread, 1)
    for (const { requests, peak, mostInFlight, share } of servers)
      assert.deepEqual([requests, peak, mostInFlight, share], [13, 10, 10, 1 / 3])
  })

  test('goes by the requests in flight of its time', async (t) => {
    const slow = { client: '10.0.0.1', second: 0, seconds: 60 }
    const quick = Array.from({ length: 20 }, (_, index) => ({ client: '10.0.0.1', second: 1 + index }))
    const late = Array.from({ length: 20 }, (_, index) => ({ client: '10.0.0.1', second: 70 + index }))
    const { servers } = appOf(await simulated(t, configOf({ balance: 'least-connections' }), [slow, ...quick, ...late]))
    const requests = servers.map((server) => server.requests).toSorted((a, b) => a - b)
    assert.ok(requests[0]! >= 1 + 6 && requests[0]! <= 1 + 7, `${requests}`)
    assert.equal(requests[0]! + requests[1]! + requests[2]!, 41)
  })

  test('ends sessions that are idle for too long, by the time of the log', async (t) => {
    const config = configOf({ affinity: { type: 'cookie', idle: '1m' } })
    const one = (second: number) => ({ client: '10.0.0.1', second })
    const serversWithin = async (gap: number) =>
      appOf(await simulated(t, config, [one(0), one(gap), one(2 * gap)])).servers.filter(({ requests }) => requests > 0)
    assert.equal((await serversWithin(30)).length, 1)
    assert.equal((await serversWithin(300)).length, 3)
  })

  test('says whom adding, draining and losing a server would move', async (t) => {
    const moved = async (app: object) => {
      const { changes, servers } = appOf(await simulated(t, configOf(app), visitsOf(300)))
      const [add] = changes
      assert.deepEqual([add!.change, add!.server], ['add', null])
      for (const { name, users } of servers) {
        const of = (kind: string) => changes.find(({ change, server }) => change === kind && server === name)!
        assert.equal(of('drain').users, 0)
        assert.equal(of('lose').users, users)
      }
      return add!.moved
    }
    assert.equal(await moved({ affinity: 'cookie' }), 0)
    assert.equal(await moved({ affinity: { type: 'learn', from: 'cookie:id' } }), 0)
    const ring = await moved({ affinity: { type: 'consistent-hash', key: 'address' } })
    assert.ok(ring > 0.1 && ring < 0.4, `${ring}`)
    assert.ok((await moved({ balance: 'ip-hash' })) > 0.6)
    const { changes } = appOf(await simulated(t, configOf({}), visitsOf(30)))
    assert.deepEqual(changes, [])
  })

  test('takes an address or each User-Agent behind it for a user', async (t) => {
    const lines = ['one', 'two', 'three'].map((agent) => ({ client: '10.0.0.1', agent }))
    assert.equal(appOf(await simulated(t, configOf({}), lines)).users, 3)
    assert.equal(appOf(await simulated(t, configOf({}), lines, 'address')).users, 1)
  })

  test('leaves this process its own time', async (t) => {
    await simulated(t, configOf({}), visitsOf(3))
    const { wallSeconds } = await import('../../src/runtime/clock.ts')
    assert.ok(Math.abs(wallSeconds() - Date.now() / 1000) < 5)
  })
})

describe('limpet simulate', () => {
  const lines = visitsOf(20).map(lineOf)

  test('compares configurations, reads gzipped logs, and counts what is no line of a log', async (t) => {
    const folder = await temporaryFolder(t)
    const [plain, zipped] = [join(folder, 'access.log'), join(folder, 'access.log.1.gz')]
    await writeFile(zipped, gzipSync(`${lines.slice(0, 10).join('\n')}\n`))
    await writeFile(plain, `${lines.slice(10, 20).join('\n')}\nwhat is this?\n${lines.slice(20).join('\r\n')}`)
    const files = await Promise.all([configOf({}), configOf({ balance: 'ip-hash' })].map((each) => configFile(t, each)))
    const args = ['simulate', zipped, plain, '-c', files[0]!, '-c', files[1]!]
    const { code, stdout, stderr } = await runLimpet([...args, '--json'])
    assert.equal(code, 0, stderr)
    const simulation: Simulation = JSON.parse(stdout)
    assert.deepEqual(simulation.lines, {
      read: lines.length + 1,
      replayed: lines.length,
      malformed: 1,
      firstMalformed: 21,
      noRequests: 0,
    })
    assert.deepEqual(
      simulation.configurations.map(({ name, upstreams }) => [name, upstreams[0]!.balance]),
      [
        [files[0], 'round-robin'],
        [files[1], 'ip-hash'],
      ],
    )
    const text = await runLimpet(args)
    assert.match(text.stdout, /! 1 line not in the format of an access log; the first is line 21/)
    assert.match(text.stdout, /losing b would move \d+\.\d % of the users/)
  })

  test('takes the listener that the requests came by: one that redirects lets none through but those by TLS', async (t) => {
    const folder = await temporaryFolder(t)
    const listeners = [
      { address: '127.0.0.1', port: 8080, redirect: 'https' },
      { address: '127.0.0.1', port: 8081 },
    ]
    const config = await configFile(t, { ...configOf({}), listeners })
    const entry = { time: '2026-11-22T20:00:00.000Z', client: '10.0.0.1', method: 'GET', path: '/', host: 'a' }
    const secure = { ...entry, tlsVersion: 'TLSv1.3' }
    const file = join(folder, 'access.log')
    await writeFile(file, [...lines.slice(0, 5), JSON.stringify(entry), JSON.stringify(secure)].join('\n'))
    const redirectedAndServed = async (...args: string[]) => {
      const { stdout, stderr } = await runLimpet(['simulate', file, '-c', config, '--json', ...args])
      assert.equal(stderr, '')
      const [{ redirected, upstreams }] = (JSON.parse(stdout) as Simulation).configurations as [SimulatedConfiguration]
      return [redirected, upstreams[0]!.requests]
    }
    assert.deepEqual(await redirectedAndServed(), [0, 7])
    assert.deepEqual(await redirectedAndServed('--listener', '8081'), [0, 7])
    assert.deepEqual(await redirectedAndServed('--listener', '127.0.0.1:8080'), [6, 1])
    const { code, stderr } = await runLimpet(['simulate', file, '-c', config, '--listener', '80'])
    assert.equal(code, 1)
    assert.match(stderr, /expected a listener \(127\.0\.0\.1:8080, 127\.0\.0\.1:8081\) or the port of one, found "80"/)
  })

  for (const format of ['combined', 'vhost', 'json']) {
    test(`reads what Limpet logs as ${format}, and finds the same servers`, async (t) => {
      const config = {
        ...configOf({ balance: 'ip-hash' }, await startApp(t)),
        listeners: [{ address: '127.0.0.1', port: 0 }],
        routes: [{ path: '/*', upstream: 'app', host: HOST }],
        accessLog: { format, redact: ['token'] },
      }
      const limpet = await startLimpet(t, config)
      for (let index = 0; index < 20; index++) {
        const headers = { host: HOST, 'x-forwarded-for': `10.${index}.0.1`, 'user-agent': '"quoted" ü' }
        await new User().get(limpet.port, `/a%20page?token=${index}`, headers)
      }
      const logged = await limpet.log.matching(/token/, 20)
      const file = join(await temporaryFolder(t), 'access.log')
      await writeFile(file, `${logged.join('\n')}\n`)
      const { stdout, stderr } = await runLimpet([
        ...['simulate', file, '-c', limpet.file, '--json'],
        ...(format === 'combined' ? ['--host', HOST] : []),
      ])
      assert.equal(stderr, '')
      const simulation: Simulation = JSON.parse(stdout)
      assert.equal(simulation.lines.replayed, 20)
      assert.equal(simulation.configurations[0]!.unrouted, 0)
      const scene = {
        snapshot: await snapshotOf(t, config),
        scoreboard: new Scoreboard(),
        sessions: new SessionTable(),
      }
      const expected: Record<string, number> = { a: 0, b: 0, c: 0 }
      for (let index = 0; index < 20; index++)
        expected[(await explain(scene, { path: '/', host: HOST, ip: `10.${index}.0.1` })).server!]! += 1
      assert.deepEqual(counts(appOf(simulation)), expected)
    })
  }

  test('exits with 1 if there is no such file, no such configuration or no request', async (t) => {
    const folder = await temporaryFolder(t)
    const file = await configFile(t, configOf({}))
    const empty = join(folder, 'empty.log')
    await writeFile(empty, 'nothing\n')
    const broken = join(folder, 'broken.gz')
    await writeFile(broken, 'no archive')
    for (const [args, message] of [
      [['nowhere.log', '-c', file], /ENOENT/],
      [['nowhere.log.gz', '-c', file], /ENOENT/],
      [[broken, '-c', file], /broken\.gz cannot be unzipped/],
      [[empty, '-c', 'nowhere.yaml'], /nowhere\.yaml/],
      [[empty, '-c', file], /no request could be replayed of the 1 line of empty\.log; .* is line 1/],
    ] as const) {
      const { code, stderr } = await runLimpet(['simulate', ...args])
      assert.equal(code, 1)
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /bug/)
    }
  })

  test('says which field a log in JSON lacks, and replays the lines that have it', async (t) => {
    const folder = await temporaryFolder(t)
    const file = await configFile(t, configOf({}))
    const whole = { time: '2026-11-22T20:44:00.000Z', client: '10.0.0.1', host: HOST, method: 'GET', path: '/' }
    const log = join(folder, 'access.log')
    for (const lacking of ['time', 'client', 'method', 'path'] as const) {
      const { [lacking]: _, ...line } = whole
      await writeFile(log, `${JSON.stringify(line)}\n`)
      const { code, stderr } = await runLimpet(['simulate', log, '-c', file])
      assert.equal(code, 1)
      assert.match(
        stderr,
        new RegExp(`is line 1; lines without ${lacking} cannot be replayed: list time, client, .*accessLog`),
      )
      await writeFile(log, `${JSON.stringify(whole)}\n${JSON.stringify(line)}\n`)
      const { stdout } = await runLimpet(['simulate', log, '-c', file])
      assert.match(
        stdout,
        new RegExp(
          `1 request from[^]*1 line not in the .*; the first is line 2; lines without ${lacking} `.replace(
            '[^]',
            '[\\s\\S]',
          ),
        ),
      )
    }
  })

  test('takes a line in JSON about what was no request for that, and not for one that lacks a field', async (t) => {
    const file = await configFile(t, configOf({}))
    const log = join(await temporaryFolder(t), 'access.log')
    await writeFile(
      log,
      '{"time":"2026-11-22T20:44:00.000Z","client":"10.0.0.1","request":"\\u0016\\u0003","status":400}\n',
    )
    const { stderr } = await runLimpet(['simulate', log, '-c', file])
    assert.match(stderr, /no request could be replayed of the 1 line of access\.log$/m)
  })
})

describe('a split in a simulation', () => {
  const splitConfig = (split: object) => {
    const config = configOf({})
    return {
      ...config,
      routes: [{ path: '/*', upstream: 'app', filters: [{ deny: ['10.0.0.0/8'] }, { split }] }],
      upstreams: { ...config.upstreams, canary: { servers: ['127.0.0.1:9'] } },
    }
  }

  test('sends a share of the users to the other upstream, and each to one only', async (t) => {
    const { configurations } = await simulated(t, splitConfig({ to: { canary: '25%' } }), visitsOf(400))
    const [app, canary] = configurations[0]!.upstreams
    assert.equal(app!.users + canary!.users, 400)
    assert.ok(Math.abs(canary!.users - 100) < 25, `${canary!.users}`)
    assert.equal(app!.requests + canary!.requests, visitsOf(400).length)
    assert.deepEqual(configurations[0]!.notes, [
      'route /*: the log has not what its split goes by; the user stands for it',
    ])
  })

  test('goes by what the log has, as the route itself does', async (t) => {
    const config = splitConfig({ to: { canary: '50%' }, by: 'client.address', override: ['query:v'] })
    const visits = visitsOf(60)
    const { configurations } = await simulated(t, config, [...visits, { client: '10.9.9.9', path: '/?v=canary' }])
    const { routes, ...site } = config
    const withoutDeny = { ...site, routes: routes.map((route) => ({ ...route, filters: route.filters.slice(1) })) }
    const snapshot = await snapshotOf(t, withoutDeny)
    const scene = { snapshot, scoreboard: new Scoreboard(), sessions: new SessionTable() }
    const seen = { app: 0, canary: 1 }
    for (const { client } of visits) {
      const { upstream } = await explain(scene, { path: '/', ip: client })
      seen[upstream!.name as keyof typeof seen]++
    }
    const [app, canary] = configurations[0]!.upstreams
    assert.deepEqual({ app: app!.requests, canary: canary!.requests }, seen)
    assert.deepEqual(configurations[0]!.notes, [])
  })
})
