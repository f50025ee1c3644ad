/** What the process that replaces another one knows of it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { onLinux, upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

describe('at an upgrade', onLinux, () => {
  test('sessions that an application has just begun are known to whichever process gets the next request', async (t) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => loginServer(t, name)))
    const limpet = await startLimpet(t, learning(servers))
    const agents = Array.from({ length: 60 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    for (const agent of agents) await ask(agent, limpet.port, '/')
    await upgrade(t, limpet)
    // Each begins its session with the old process, and goes on with the new one as soon as it is told to.
    const moved: string[] = []
    const visit = async (agent: Agent, index: number) => {
      const { body: home, cookie } = await ask(agent, limpet.port, `/login${index}`)
      for (let after = 0; after < 3; ) {
        const { body, isLast } = await ask(agent, limpet.port, '/', cookie)
        if (body !== home) moved.push(`${cookie}: ${home} → ${body}`)
        if (isLast || after > 0) after++
      }
      agent.destroy()
    }
    await Promise.all(agents.map(visit))
    assert.deepEqual(moved, [])
  })

  test('sessions that begin in the new process are soon known to the old one', async (t) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => loginServer(t, name)))
    const limpet = await startLimpet(t, learning(servers))
    const agents = Array.from({ length: 10 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    for (const agent of agents) await ask(agent, limpet.port, '/')
    await upgrade(t, limpet)
    const sessions: Awaited<ReturnType<typeof ask>>[] = []
    for (const index of agents.keys()) sessions.push(await ask(new Agent(), limpet.port, `/login${index}`))
    await pause(1000)
    for (const [index, agent] of agents.entries()) {
      const { body: home, cookie } = sessions[index]!
      const { body, isLast } = await ask(agent, limpet.port, '/', cookie)
      assert.deepEqual([body, isLast], [home, true])
      agent.destroy()
    }
    assert.equal(await limpet.exit, 0)
  })

  test('the admin API and what was counted and known of servers go along', async (t) => {
    const server = await steadyOrigin(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      admin: { port: 0 }
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ id: first, name: good, address: "${server}" }, { name: bad, address: 127.0.0.1:9, failTimeout: 1h }]
    `,
    )
    const url = await adminUrlOf(limpet)
    const idle = await RawClient.connect(t, limpet.port)
    const state = async () => {
      const { servers } = (await (await fetch(`${url}/v1/upstreams/app`)).json()) as {
        servers: { name: string; state: string; requests: number; failures: number }[]
      }
      return servers.map(({ name, state, requests, failures }) => [name, state, requests, failures])
    }
    for (let request = 0; request < 4; request++) {
      idle.get('/')
      await idle.take(/here\.$/)
    }
    const before = await state()
    await upgrade(t, limpet)
    assert.deepEqual(await state(), before)
    idle.get('/')
    await idle.take(/here\.$/)
    idle.socket.destroy()
    await limpet.exit
    // What the one before has counted at last arrives with its end.
    const [good, ...others] = before
    const last = [good![0], good![1], (good![2] as number) + 1, good![3]]
    while ((await state())[0]![2] !== last[2]) await pause(5)
    assert.deepEqual(await state(), [last, ...others])
  })

  test('a server that a check has found down stays down until a check passes', async (t) => {
    const server = await steadyOrigin(t)
    let isSick = true
    const sick = await httpOrigin(t, ({ url }, response) => {
      response.statusCode = url === '/check' && isSick ? 503 : 200
      response.end('sick.')
    })
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: well, address: "${server}" }, { name: sick, address: "${sick.address}" }]
          health: { check: { type: http, path: /check, interval: 200ms, fall: 1, rise: 1 } }
    `,
    )
    await limpet.errors.find(/server sick is down/)
    await upgrade(t, limpet)
    for (let request = 0; request < 6; request++) assert.equal((await new User().get(limpet.port)).body, 'here.')
    isSick = false
    await limpet.errors.find(/server sick is up/)
    while ((await new User().get(limpet.port)).body !== 'sick.') await pause(1)
  })
})

/** A request on a connection of the agent, which is kept as far as Limpet keeps it. */
async function ask(agent: Agent, port: number, path: string, cookie = '') {
  const headers = cookie === '' ? {} : { cookie }
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent, headers }), 'response')) as [
    IncomingMessage,
  ]
  const isLast = response.headers.connection === 'close'
  return {
    body: await text(response),
    isLast,
    cookie: cookie || (response.headers['set-cookie']?.[0]?.split(';')[0] ?? ''),
  }
}

/** A server that answers with its name, and begins a session on /login…. Resolves to its address. */
async function loginServer(t: TestContext, name: string): Promise<string> {
  const { address } = await httpOrigin(t, ({ url }, response) => {
    if (url!.startsWith('/login')) response.setHeader('Set-Cookie', `sid=${name}-${url!.slice(6)}; Path=/`)
    response.end(name)
  })
  return address
}

const learning = (servers: readonly string[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  accessLog: off
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${servers.join(', ')}], affinity: { type: learn, from: ["cookie:sid"] } } }
`
