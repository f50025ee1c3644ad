/** nginx as the oracle for Unix sockets: of servers, of listeners, and as trusted proxies. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { groupOf, keyOf, serversWith } from '../balancing/group.ts'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { getFrom } from '../support/unix-client.ts'
import { runNginx, testWithNginx } from './nginx.ts'

/** Servers on Unix sockets that answer with their number and what they got as X-Forwarded-For and Host; their addresses. */
function origins(test: TestContext, folder: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { address } = await httpOrigin(
        test,
        ({ headers }, response) => response.end(`<${index} ${headers['x-forwarded-for']} ${headers.host}>`),
        join(folder, `app-${index}.sock`),
      )
      return address
    }),
  )
}

/** Runs both programs on a configuration, nginx on its export, each with a socket and a port of its own; the sockets. */
async function runBoth(test: TestContext, folder: string, config: (socket: string, port: number) => string) {
  const [nginx, limpet] = [join(folder, 'nginx.sock'), join(folder, 'limpet.sock')]
  const file = join(folder, 'limpet.yaml')
  await writeFile(file, config(nginx, await freePort()))
  const { code, stderr } = await runLimpet(['export', 'nginx', '-c', file, '--out', folder])
  assert.deepEqual([code, stderr], [0, ''])
  await runNginx(test, folder, nginx)
  await startLimpet(test, config(limpet, await freePort()))
  return { nginx, limpet }
}

testWithNginx(
  'both send a client without an address to the same server by ip-hash, and call it the same',
  async (t) => {
    const folder = await temporaryFolder(t)
    const servers = await origins(t, folder, 5)
    const config = (socket: string, port: number) => `
      listeners:
        - { address: unix:${socket}, mode: 0666 }
        - { address: 127.0.0.1, port: ${port} }
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { balance: ip-hash, servers: [${servers}] } }
    `
    const { nginx, limpet } = await runBoth(t, folder, config)
    for (const headers of [{}, { 'X-Forwarded-For': '192.0.2.1' }] as Record<string, string>[]) {
      const answer = await getFrom(nginx, { ...headers, Host: 'app.example' })
      assert.match(answer, /^<\d .*unix: app\.example>$/)
      assert.equal(await getFrom(limpet, { ...headers, Host: 'app.example' }), answer)
    }
  },
)

testWithNginx('both believe every client of a Unix socket, if it is trusted', async (t) => {
  const folder = await temporaryFolder(t)
  const servers = await origins(t, folder, 7)
  const config = (socket: string, port: number) => `
    listeners:
      - { address: unix:${socket}, mode: 0666 }
      - { address: 127.0.0.1, port: ${port} }
    trustedProxies: ["unix:", 10.0.0.0/8]
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { balance: ip-hash, servers: [${servers}] } }
  `
  const { nginx, limpet } = await runBoth(t, folder, config)
  const chains = ['192.0.2.1', '198.51.100.7, 10.1.2.3', '203.0.113.1, unknown', '2001:db8::1', '10.0.0.1', '']
  for (const chain of chains) {
    const headers: Record<string, string> = { Host: 'a', ...(chain && { 'X-Forwarded-For': chain }) }
    const answer = await getFrom(nginx, headers)
    assert.match(answer, new RegExp(`^<\\d ${chain || 'unix:'} a>$`))
    assert.equal(await getFrom(limpet, headers), answer)
  }
})

testWithNginx('both send a server on a Unix socket Host: localhost if a request has no Host', async (t) => {
  const folder = await temporaryFolder(t)
  const [address] = await origins(t, folder, 1)
  // The export would send the name of the upstream as Host; nginx by itself, without a name, sends localhost.
  const nginxConfig = `
    events {}
    http {
      access_log off;
      server {
        listen unix:${folder}/nginx.sock;
        location / { proxy_pass http://${address}:/; }
      }
    }
  `
  const config = `
    listeners:
      - { address: unix:${folder}/limpet.sock }
      - { address: 127.0.0.1, port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${address}] } }
  `
  await writeFile(join(folder, 'nginx.conf'), nginxConfig)
  await runNginx(t, folder, `${folder}/nginx.sock`)
  await startLimpet(t, config)
  for (const name of ['nginx', 'limpet']) {
    const client = await RawClient.connectTo(t, `${folder}/${name}.sock`)
    client.say('GET / HTTP/1.0\r\n\r\n')
    assert.match(await client.hear(/>/), /<0 \S+ localhost>/, name)
  }
})

testWithNginx('both tie keys to the same Unix sockets by consistent-hash', async (t) => {
  const folder = await temporaryFolder(t)
  const addresses = await origins(t, folder, 4)
  const nginxConfig = `
    events {}
    http {
      access_log off;
      upstream app {
        hash $arg_k consistent;
        ${addresses.map((address, index) => `server ${address} weight=${index + 1};`).join('\n        ')}
      }
      server {
        listen unix:${folder}/nginx.sock;
        location / { proxy_pass http://app; }
      }
    }
  `
  await writeFile(join(folder, 'nginx.conf'), nginxConfig)
  await runNginx(t, folder, `${folder}/nginx.sock`)
  const servers = serversWith(addresses.map((address, index) => ({ name: address, address, weight: index + 1 })))
  const { policy } = groupOf({ type: 'consistent-hash', key: { from: 'query', name: 'k' } }, servers)
  for (let key = 0; key < 200; key++) {
    const answer = await getFrom(`${folder}/nginx.sock`, {}, `/?k=${key}`)
    assert.equal(policy.pick(keyOf(key), [], 0)?.settings.slot, Number(answer[1]), `key ${key}`)
  }
})
