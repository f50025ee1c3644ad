/** `limpet plan` and `limpet explain`: what they say of a running Limpet, in a process of its own, is what then happens. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Explanation, Plan } from '../../src/planning/answers.ts'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { User } from '../support/user.ts'

const NAMES = ['a', 'b', 'c']

/** Upstreams by cookie and by a header, with those servers. */
async function configs(t: TestContext) {
  const started = NAMES.map(async (name) => {
    const { address } = await httpOrigin(t, (_request, response) => response.end(name))
    return { name, address }
  })
  const servers = await Promise.all(started)
  return (names: readonly string[], settings: object = {}) => {
    const there = servers.filter(({ name }) => names.includes(name))
    return JSON.stringify({
      listeners: [{ address: '127.0.0.1', port: 0 }],
      instance: `plan-${process.pid}`,
      routes: [
        { path: '/key/*', upstream: 'keyed' },
        { path: '/*', upstream: 'app' },
      ],
      upstreams: {
        app: { affinity: 'cookie', servers: there, ...settings },
        keyed: { affinity: { type: 'header', name: 'x-user' }, servers: there },
      },
    })
  }
}

async function socketOf({ errors }: Limpet): Promise<string> {
  const [, socket] = await errors.find(/admin API answers on unix:(\S+)/)
  return socket!
}

async function planned(limpet: Limpet, next: string, ...flags: string[]) {
  return runLimpet(['plan', next, '--socket', await socketOf(limpet), ...flags])
}

async function explained(limpet: Limpet, ...flags: string[]): Promise<Explanation> {
  const { code, stdout, stderr } = await runLimpet(['explain', '--socket', await socketOf(limpet), '--json', ...flags])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

test('a plan says how many sessions move, from where to where, and so they do after a reload', async (t) => {
  const configOf = await configs(t)
  const limpet = await startLimpet(t, configOf(NAMES))
  const users = Array.from({ length: 30 }, () => new User())
  const visit = async () => {
    const places: string[] = []
    for (const [index, user] of users.entries()) {
      const { body: byCookie } = await user.get(limpet.port)
      const { body: byKey } = await user.get(limpet.port, '/key/', { 'x-user': `user ${index}` })
      places.push(`app ${byCookie}`, `keyed ${byKey}`)
    }
    return places
  }
  const before = await visit()
  const next = join(await temporaryFolder(t), 'next.yaml')
  await writeFile(next, configOf(['a', 'b']))
  const { code, stdout, stderr } = await planned(limpet, next, '--json')
  assert.equal(code, 0, stderr)
  const plan: Plan = JSON.parse(stdout)
  assert.deepEqual(plan.changes, ['upstream app: server c removed', 'upstream keyed: server c removed'])
  assert.equal(plan.sessions.live, 60)
  const text = await planned(limpet, next)
  assert.match(text.stdout, /^upstream app: server c removed$/m)
  assert.match(text.stdout, /^upstream app: of 30 sessions, 20 stay \(exact\)$/m)
  // Nothing has happened so far.
  assert.deepEqual(await visit(), before)
  await writeFile(limpet.file, configOf(['a', 'b']))
  assert.equal((await runLimpet(['reload', '--socket', await socketOf(limpet)])).code, 0)
  const after = await visit()
  for (const { name, isExact, areTargetsExact, sessions, servers } of plan.upstreams) {
    assert.deepEqual([isExact, areTargetsExact], [true, true])
    const isOf = (_: string, index: number) => before[index]!.startsWith(`${name} `)
    const [then, now] = [before.filter(isOf), after.filter(isOf)]
    assert.equal(sessions.stay, now.filter((place, index) => place === then[index]).length)
    for (const server of servers)
      assert.equal(server.afterwards, now.filter((place) => place === `${name} ${server.name}`).length, server.name)
  }
})

describe('limpet plan', () => {
  test('exits with 3 if anything would change, if it is asked to', async (t) => {
    const configOf = await configs(t)
    const limpet = await startLimpet(t, configOf(NAMES))
    const [same, other] = [await configFile(t, configOf(NAMES)), await configFile(t, configOf(['a']))]
    const nothing = await planned(limpet, same, '--exit-code')
    assert.deepEqual([nothing.code, nothing.stdout], [0, 'nothing would change'])
    assert.equal((await planned(limpet, other, '--exit-code')).code, 3)
    assert.equal((await planned(limpet, other)).code, 0)
    const files = await runLimpet(['plan', other, '--against', same, '--exit-code'])
    assert.equal(files.code, 3)
    assert.match(files.stdout, /^upstream app: server b removed$/m)
  })

  test('refuses a configuration with mistakes, and says what they are', async (t) => {
    const configOf = await configs(t)
    const limpet = await startLimpet(t, configOf(NAMES))
    const wrong = await configFile(t, configOf(NAMES).replace('"cookie"', '"cooky"'))
    const { code, stderr } = await planned(limpet, wrong, '--exit-code')
    assert.equal(code, 1)
    assert.match(stderr, /upstreams\.app\.affinity/)
  })
})

describe('limpet explain', () => {
  test('finds the session of a running Limpet, and shows neither its cookie nor its key', async (t) => {
    const configOf = await configs(t)
    const limpet = await startLimpet(t, configOf(NAMES))
    const user = new User()
    const { body } = await user.get(limpet.port)
    const explanation = await explained(limpet, '--path', '/', '--cookie', user.cookie)
    const { server, reason, session } = explanation
    assert.deepEqual([server, reason, session?.standing, session?.server], [body, 'stuck', 'known', body])
    assert.doesNotMatch(JSON.stringify(explanation), new RegExp([...user.cookies.values()][0]!))
    const keyed = await explained(limpet, '--path', '/key/', '--header', 'X-User: alice')
    assert.equal((await user.get(limpet.port, '/key/', { 'x-user': 'alice' })).body, keyed.server)
    assert.doesNotMatch(JSON.stringify(keyed), /alice/)
  })

  test('explains by a file, without a running Limpet', async (t) => {
    const configOf = await configs(t)
    const file = await configFile(t, configOf(['a']))
    const { code, stdout } = await runLimpet(['explain', '--file', file, '--path', '/cart', '--ip', '203.0.113.9'])
    assert.equal(code, 0)
    assert.match(stdout, /^goes to server a of upstream app, chosen by round-robin: new$/m)
    assert.match(stdout, /^ +route: \/\* \(it is for any host; the path \/cart is below \/\)$/m)
  })

  test('says what the servers speak where that is not plain HTTP/1.1', async (t) => {
    const file = await configFile(
      t,
      `
        routes: [{ path: /*, upstream: app }]
        upstreams: { app: { protocol: auto, tls: true, affinity: cookie, servers: ["app.internal:8443"] } }
      `,
    )
    const { stdout } = await runLimpet(['explain', '--file', file, '--path', '/'])
    assert.match(stdout, /^ +upstream app: round-robin, affinity cookie, protocol auto, by TLS$/m)
  })

  test('exits with 2 for a command line that makes no sense, and with 1 for what is no address', async (t) => {
    const file = await configFile(t, (await configs(t))(['a']))
    for (const [flags, expected] of [
      [[], 2],
      [['--path', '/', '--header', 'no colon'], 2],
      [['--path', '/', '--ip', 'here'], 1],
    ] as const)
      assert.equal((await runLimpet(['explain', '--file', file, ...flags])).code, expected)
  })
})
