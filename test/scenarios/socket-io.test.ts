/** Socket.IO clients without cookies, all at one address: only the session's id tells which server has the session. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Balancer } from '../../bench/sessions/balancer.ts'
import type { Contender } from '../../bench/sessions/contender.ts'
import { haproxyCookie } from '../../bench/sessions/contenders/haproxy.ts'
import { nginxIpHash } from '../../bench/sessions/contenders/nginx.ts'
import { startLimpet } from '../support/limpet.ts'
import { connectUser, converse, SocketIoServers, waysToConnect } from '../support/socket-io.ts'

const names = Array.from({ length: 100 }, (_, index) => `user ${index}`)

/** Resolves to how many of a hundred clients connected and had all their messages answered. */
async function served(test: TestContext, url: string, transports: readonly string[]): Promise<number> {
  const talks = names.map(async (name) => {
    const client = await connectUser(test, url, name, transports)
    await converse(client, name, transports)
    return client
  })
  const settled = await Promise.allSettled(talks)
  const clients = settled.filter((talk) => talk.status === 'fulfilled').map(({ value }) => value)
  // A balancer that is asked to stop would wait for a long poll.
  for (const client of clients) client.disconnect()
  return clients.length
}

/** Runs another balancer in front of the servers. */
async function startPeer(test: TestContext, contender: Contender, { origins }: SocketIoServers): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-peer-'))
  const places = origins.map(({ address }, index) => ({ name: `s${index}`, address }))
  const balancer = await Balancer.start(contender, folder, '', places)
  test.after(async () => {
    await balancer.stop()
    await rm(folder, { recursive: true })
  })
  return `http://127.0.0.1:${balancer.port}`
}

async function missing({ title, version }: Contender): Promise<string | false> {
  return (await version()) === undefined && `${title.split(',')[0]} is not installed`
}

const noNginx = await missing(nginxIpHash)
const noHaproxy = await missing(haproxyCookie)

describe('a hundred clients of Socket.IO without cookies, at one address, on three servers', () => {
  for (const [way, transports] of Object.entries(waysToConnect)) {
    test(`are all served ${way}, and spread over the servers, when Limpet learns sessions`, async (t) => {
      const servers = await SocketIoServers.start(t, 3)
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        routes: [{ path: /*, upstream: chat }]
        upstreams:
          chat:
            affinity: { type: learn, from: socket.io }
            servers: [${servers.origins.map(({ address }) => address)}]
      `
      const limpet = await startLimpet(t, config)
      assert.equal(await served(t, limpet.url, transports), names.length)
      assert.deepEqual(servers.refused, [])
      // With a single worker it would be 33 or 34 each.
      for (const users of servers.users) assert.ok(users >= 25, `${servers.users}`)
    })
  }

  test("all reach the same server with nginx's ip_hash", { skip: noNginx }, async (t) => {
    const servers = await SocketIoServers.start(t, 3)
    const url = await startPeer(t, nginxIpHash, servers)
    assert.equal(await served(t, url, ['polling']), names.length)
    assert.deepEqual(
      servers.users.toSorted((one, other) => one - other),
      [0, 0, names.length],
    )
  })

  test("are mostly refused with HAProxy's cookie, which they do not keep", { skip: noHaproxy }, async (t) => {
    const servers = await SocketIoServers.start(t, 3)
    const url = await startPeer(t, haproxyCookie, servers)
    const lucky = await served(t, url, ['polling'])
    assert.ok(lucky < names.length / 2, `${lucky} were served`)
    assert.ok(servers.refused.includes('Session ID unknown'))
  })
})
