import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { ConsulSource } from '../../src/config/sources/consul.ts'
import { consulProvider } from '../../src/discovery/consul.ts'
import { TestAuthority } from '../support/certificates.ts'
import { Consul } from '../support/consul.ts'
import { temporaryFolder } from '../support/folder.ts'
import { inLines, Watched } from '../support/watched.ts'

const critical = { CheckID: 'service:web', Status: 'critical' } as const
const warning = { CheckID: 'service:web', Status: 'warning' } as const
const maintenance = { CheckID: '_service_maintenance:web-1', Status: 'critical' } as const
const nodeMaintenance = { CheckID: '_node_maintenance', Status: 'critical' } as const

function watch(test: TestContext, { url }: Consul, settings: object = {}): Watched {
  return new Watched(test, consulProvider(ConsulSource.parse({ from: 'consul', service: 'web', url, ...settings })))
}

/** A Consul with one instance, web-1, and a watch on it that has given it and waits for a change. */
async function waiting(test: TestContext, settings: object = {}) {
  const consul = await Consul.start(test)
  consul.register({ id: 'web-1' })
  const watched = watch(test, consul, settings)
  await watched.next()
  const next = watched.next()
  await consul.waiting()
  return { consul, watched, next }
}

test('finds what is registered, and each change as it happens', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ id: 'web-1', address: '10.0.0.1', port: 8080 })
  consul.register({ id: 'web-2', nodeAddress: '10.1.0.2', port: 8080 })
  consul.register({ id: 'db-1', service: 'db' })
  const watched = watch(t, consul)
  const first = await watched.next()
  assert.deepEqual(inLines(first), ['web-1 10.0.0.1:8080', 'web-2 10.1.0.2:8080'])
  consul.register({ id: 'web-3', address: '2001:db8::3', port: 8080 })
  assert.equal(inLines(await watched.next())[2], 'web-3 [2001:db8::3]:8080')
  consul.register({ id: 'web-1', address: '10.0.0.9', port: 8080 })
  assert.equal(inLines(await watched.next())[0], 'web-1 10.0.0.9:8080')
  consul.deregister({ id: 'web-1' })
  assert.deepEqual(inLines(await watched.next()), ['web-2 10.1.0.2:8080', 'web-3 [2001:db8::3]:8080'])
})

test('an answer without instances is a list without servers', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ id: 'web-1' })
  const watched = watch(t, consul)
  await watched.next()
  consul.deregister({ id: 'web-1' })
  assert.deepEqual((await watched.next()).servers, [])
})

describe('the state of a server follows its checks', () => {
  const cases = [
    ['no check but that of its node', [], 'passing', 'ready'],
    ['a critical check', [critical], 'passing', 'down'],
    ['a warning', [warning], 'passing', 'down'],
    ['a warning, where those are allowed', [warning], 'warning', 'ready'],
    ['maintenance of the service', [maintenance], 'passing', 'drain'],
    ['maintenance of the node', [nodeMaintenance], 'passing', 'drain'],
    ['maintenance, and it fails', [maintenance, critical], 'passing', 'down'],
  ] as const
  for (const [name, checks, allowed, state] of cases) {
    test(name, async (t) => {
      const consul = await Consul.start(t)
      consul.register({ id: 'web-1', checks })
      const { servers } = await watch(t, consul, { checks: allowed }).next()
      assert.equal(servers[0]?.state, state)
    })
  }
})

test('a server that enters maintenance is urgent, once', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ id: 'web-1' })
  const watched = watch(t, consul)
  assert.equal((await watched.next()).isUrgent, false)
  consul.register({ id: 'web-1', checks: [maintenance] })
  assert.equal((await watched.next()).isUrgent, true)
  consul.register({ id: 'web-2' })
  const list = await watched.next()
  assert.deepEqual([inLines(list), list.isUrgent], [['web-1 10.1.0.1:80 drain', 'web-2 10.1.0.1:80'], false])
  consul.register({ id: 'web-1' })
  assert.equal(inLines(await watched.next())[0], 'web-1 10.1.0.1:80')
})

describe('the weight of a server', () => {
  const weights = { Passing: 10, Warning: 2 }
  const cases = [
    ['is that of passing instances', weights, [], { weight: 10 }],
    ['is another one with a warning', weights, [warning], { weight: 2 }],
    ["is the source's where it says none", { Passing: 1, Warning: 1 }, [], undefined],
  ] as const
  for (const [name, given, checks, settings] of cases) {
    test(name, async (t) => {
      const consul = await Consul.start(t)
      consul.register({ id: 'web-1', weights: given, checks })
      const { servers } = await watch(t, consul, { checks: 'warning' }).next()
      assert.deepEqual(servers[0]?.settings, settings)
    })
  }

  test('none with a warning is no traffic', async (t) => {
    const consul = await Consul.start(t)
    consul.register({ id: 'web-1', weights: { Passing: 10, Warning: 0 }, checks: [warning] })
    assert.deepEqual(inLines(await watch(t, consul, { checks: 'warning' }).next()), ['web-1 10.1.0.1:80 down'])
  })
})

test('only servers with all tags are found, in that datacenter, namespace and partition', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ id: 'web-1', tags: ['blue'] })
  consul.register({ id: 'web-2', tags: ['blue', 'v2'] })
  const settings = { tags: ['blue', 'v2'], datacenter: 'dc2', namespace: 'shop', partition: 'eu' }
  assert.deepEqual(inLines(await watch(t, consul, settings).next()), ['web-2 10.1.0.1:80'])
  assert.equal(consul.asked[0], '/v1/health/service/web?tag=blue&tag=v2&dc=dc2&ns=shop&partition=eu')
})

test('instances without an id of their own are told apart by their nodes, also while there is only one', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ node: 'a', address: '10.0.0.1' })
  const watched = watch(t, consul)
  assert.deepEqual(inLines(await watched.next()), ['a:web 10.0.0.1:80'])
  consul.register({ node: 'b', address: '10.0.0.2' })
  assert.deepEqual(inLines(await watched.next()), ['a:web 10.0.0.1:80', 'b:web 10.0.0.2:80'])
})

test('ids that repeat on several nodes are told apart by their nodes', async (t) => {
  const consul = await Consul.start(t)
  for (const node of ['a', 'b']) consul.register({ node, id: 'web-1', address: `10.0.0.${node === 'a' ? 1 : 2}` })
  assert.deepEqual(inLines(await watch(t, consul).next()), ['a:web-1 10.0.0.1:80', 'b:web-1 10.0.0.2:80'])
})

test('an id with other characters than names have gets a hash', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ id: 'web/1 ü' })
  consul.register({ id: 'web 1 ü' })
  const { servers } = await watch(t, consul).next()
  assert.equal(new Set(servers.map(({ id }) => id)).size, 2)
  for (const { id } of servers) assert.match(id, /^web-1--[0-9a-f]{8}$/)
})

test('an instance that cannot be used is a mistake; the others are used', async (t) => {
  const consul = await Consul.start(t)
  consul.register({ id: 'web-1', port: 0 })
  consul.register({ id: 'web-2', address: 'not an address' })
  consul.register({ id: 'web-3' })
  const list = await watch(t, consul).next()
  assert.deepEqual(inLines(list), ['web-3 10.1.0.1:80'])
  assert.deepEqual(
    list.mistakes.map(({ where, message }) => `${where}: ${message}`),
    [
      'instance web-1 on node node-1: expected a port from 1 to 65535, found 0',
      'instance web-2 on node node-1: expected an address, found "not an address"',
    ],
  )
})

describe('blocking queries', () => {
  test('wait for a change after the index of the last answer', async (t) => {
    const { consul, next } = await waiting(t, { wait: '2m' })
    assert.equal(consul.asked[1], '/v1/health/service/web?index=11&wait=120s')
    consul.register({ id: 'web-2' })
    assert.equal((await next).servers.length, 2)
    assert.equal(consul.asked.length, 2)
  })

  test('that are answered because something else has changed yield no list', async (t) => {
    const { consul, next } = await waiting(t)
    consul.register({ id: 'db-1', service: 'db' })
    await consul.waiting()
    consul.register({ id: 'web-2' })
    assert.equal((await next).servers.length, 2)
  })

  test('start over where the index goes back', async (t) => {
    const { consul, watched, next } = await waiting(t)
    consul.resetIndex()
    consul.register({ id: 'web-2' })
    assert.equal((await next).servers.length, 2)
    consul.register({ id: 'web-3' })
    assert.equal((await watched.next()).servers.length, 3)
    assert.ok(consul.asked.slice(2).includes('/v1/health/service/web'))
  })

  test('do not ask again and again where the index is 0', async (t) => {
    const consul = await Consul.start(t)
    consul.register({ id: 'web-1' })
    consul.wrongIndex = 0
    const watched = watch(t, consul)
    await watched.next()
    assert.equal(await watched.isQuietFor(700), true)
    // Ten at once, and one each half a second.
    assert.ok(consul.asked.length <= 14, `${consul.asked.length} questions`)
    assert.ok(consul.asked.includes('/v1/health/service/web?index=1&wait=300s'))
  })

  test('are asked again where a connection is lost', async (t) => {
    const consul = await Consul.start(t)
    const watched = watch(t, consul)
    await watched.next()
    const next = watched.next()
    await consul.waiting()
    consul.loseConnections()
    consul.register({ id: 'web-1' })
    assert.equal((await next).servers.length, 1)
  })

  test('end at once with the watch', async (t) => {
    const consul = await Consul.start(t)
    const watched = watch(t, consul)
    await watched.next()
    const waiting = watched.isQuietFor(1)
    await consul.waiting()
    await waiting
    await watched.end()
  })
})

describe('it fails, and is not empty, where', () => {
  test('Consul ends while a question waits', async (t) => {
    const consul = await Consul.start(t)
    const watched = watch(t, consul)
    await watched.next()
    const next = watched.next()
    await consul.waiting()
    consul.end()
    await assert.rejects(next, /127\.0\.0\.1:\d+ refuses connections/)
  })

  test('there is no leader', async (t) => {
    const consul = await Consul.start(t)
    consul.hasLeader = false
    await assert.rejects(watch(t, consul).next(), /Consul has no leader at the moment/)
  })

  test('the token is wrong', async (t) => {
    const consul = await Consul.start(t, { token: 'right' })
    await assert.rejects(watch(t, consul, { token: 'wrong' }).next(), (error: Error) => {
      assert.match(
        error.message,
        /answered \/v1\/health\/service\/web with 403: ACL not found \(the token needs service:read of web/,
      )
      assert.doesNotMatch(error.message, /wrong/)
      return true
    })
    await assert.rejects(watch(t, consul).next(), /set a token that has service:read of web/)
  })

  test('Consul hides what the token may not see', async (t) => {
    const consul = await Consul.start(t)
    consul.hides = true
    await assert.rejects(watch(t, consul).next(), /Consul hides instances of web from this token/)
  })

  for (const [what, body] of [
    ['another list', '{"servers": []}'],
    ['a page', '<html>'],
  ] as const) {
    test(`the answer is ${what}`, async (t) => {
      const consul = await Consul.start(t)
      consul.instead = { status: 200, body }
      await assert.rejects(watch(t, consul).next(), /is this Consul\?/)
    })
  }

  test('it answers an error', async (t) => {
    const consul = await Consul.start(t)
    consul.instead = { status: 500, body: 'No cluster leader\n' }
    await assert.rejects(watch(t, consul).next(), /with 500: No cluster leader$/)
  })

  test('it does not run', async (t) => {
    await assert.rejects(watch(t, { url: 'http://127.0.0.1:1' } as Consul).next(), /127\.0\.0\.1:1 refuses connections/)
  })
})

test('the token may be in a file, and change there', async (t) => {
  const consul = await Consul.start(t, { token: 'secret-2' })
  const tokenFile = join(await temporaryFolder(t), 'token')
  await writeFile(tokenFile, 'secret-1\n')
  await assert.rejects(watch(t, consul, { tokenFile }).next(), /403/)
  await writeFile(tokenFile, 'secret-2\n')
  assert.deepEqual((await watch(t, consul, { tokenFile }).next()).servers, [])
})

test('speaks TLS, with a certificate of its own', async (t) => {
  const authority = await TestAuthority.create()
  const consul = await Consul.start(t, { tls: { ...(await authority.issue(['127.0.0.1'])), ca: authority.ca } })
  consul.register({ id: 'web-1' })
  const folder = await temporaryFolder(t)
  const client = await authority.issueToClient('CN=limpet')
  for (const [name, pem] of Object.entries({ ca: authority.ca, ...client })) await writeFile(join(folder, name), pem)
  const tls = { ca: join(folder, 'ca'), cert: join(folder, 'cert'), key: join(folder, 'key') }
  assert.equal((await watch(t, consul, { tls }).next()).servers.length, 1)
  await assert.rejects(watch(t, consul).next(), /name the file with its certificate as tls\.ca/)
  await assert.rejects(watch(t, consul, { tls: { ca: tls.ca } }).next(), /cannot be asked|closed the connection/)
  await assert.rejects(
    watch(t, consul, { tls: { ca: join(folder, 'none') } }).next(),
    /none: cannot be read: no such file/,
  )
})
