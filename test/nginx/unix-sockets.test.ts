/** nginx as the oracle for Unix sockets: of servers, of listeners, and as trusted proxies. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { groupOf, keyOf, serversWith } from '../balancing/group.ts'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
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

async function answerAt(path: string, target: string, headers: Record<string, string> = {}): Promise<string> {
  const [response] = await once(get({ socketPath: path, path: target, headers, agent: false }), 'response')
  return text(response)
}

/** Runs both programs on one configuration, with a listener for each at `<folder>/<name>.sock`. */
async function both(test: TestContext, folder: string, config: object): Promise<string[]> {
  const listeners = (name: string) => [{ address: `unix:${folder}/${name}.sock`, mode: '0666' }]
  const file = join(folder, 'limpet.yaml')
  const accessLog = { file: '/dev/null' }
  await writeFile(file, JSON.stringify({ ...config, accessLog, listeners: listeners('nginx') }))
  const { code, stderr } = await runLimpet(['export', 'nginx', '-c', file, '--out', folder])
  assert.deepEqual([code, stderr], [0, ''])
  await runNginx(test, folder, `${folder}/nginx.sock`)
  await startLimpet(test, { ...config, listeners: [...listeners('limpet'), { address: '127.0.0.1', port: 0 }] })
  return ['nginx', 'limpet'].map((name) => `${folder}/${name}.sock`)
}

testWithNginx(
  'both send a client without an address to the same server by ip-hash, and call it the same',
  async (t) => {
    const folder = await temporaryFolder(t)
    const servers = await origins(t, folder, 5)
    const config = {
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { servers, balance: 'ip-hash' } },
    }
    const [nginx, limpet] = await both(t, folder, config)
    for (const headers of [{}, { 'X-Forwarded-For': '192.0.2.1' }] as Record<string, string>[]) {
      const answer = await answerAt(nginx!, '/', { ...headers, Host: 'app.example' })
      assert.match(answer, /^<\d .*unix: app\.example>$/)
      assert.equal(await answerAt(limpet!, '/', { ...headers, Host: 'app.example' }), answer)
    }
  },
)

testWithNginx('both believe whoever comes by a Unix socket, if it is trusted', async (t) => {
  const folder = await temporaryFolder(t)
  const servers = await origins(t, folder, 7)
  const config = {
    trustedProxies: ['unix:', '10.0.0.0/8'],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers, balance: 'ip-hash' } },
  }
  const [nginx, limpet] = await both(t, folder, config)
  const chains = ['192.0.2.1', '198.51.100.7, 10.1.2.3', '203.0.113.1, unknown', '2001:db8::1', '10.0.0.1', '']
  for (const chain of chains) {
    const headers: Record<string, string> = { Host: 'a', ...(chain && { 'X-Forwarded-For': chain }) }
    const answer = await answerAt(nginx!, '/', headers)
    assert.match(answer, new RegExp(`^<\\d ${chain || 'unix:'} a>$`))
    assert.equal(await answerAt(limpet!, '/', headers), answer)
  }
})

testWithNginx('both say localhost to a server on a Unix socket where a request has no Host', async (t) => {
  const folder = await temporaryFolder(t)
  const [address] = await origins(t, folder, 1)
  // The export asks for the name of the upstream there; nginx by itself, without a name, says localhost.
  const conf = `events {} http { access_log off; server { listen unix:${folder}/nginx.sock;
    location / { proxy_pass http://${address}:/; } } }`
  await writeFile(join(folder, 'nginx.conf'), conf)
  await runNginx(t, folder, `${folder}/nginx.sock`)
  await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }, { address: `unix:${folder}/limpet.sock` }],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [address] } },
  })
  for (const name of ['nginx', 'limpet']) {
    const client = await RawClient.connectTo(t, `${folder}/${name}.sock`)
    client.say('GET / HTTP/1.0\r\n\r\n')
    assert.match(await client.hear(/>/), /<0 \S+ localhost>/, name)
  }
})

testWithNginx('both tie keys to the same Unix sockets by consistent-hash', async (t) => {
  const folder = await temporaryFolder(t)
  const addresses = await origins(t, folder, 4)
  const conf = `events {} http { access_log off;
    upstream app { hash $arg_k consistent; ${addresses.map((address, index) => `server ${address} weight=${index + 1};`).join(' ')} }
    server { listen unix:${folder}/nginx.sock; location / { proxy_pass http://app; } } }`
  await writeFile(join(folder, 'nginx.conf'), conf)
  await runNginx(t, folder, `${folder}/nginx.sock`)
  const servers = serversWith(addresses.map((address, index) => ({ name: address, address, weight: index + 1 })))
  const { policy } = groupOf({ type: 'consistent-hash', key: { from: 'query', name: 'k' } }, servers)
  for (let key = 0; key < 200; key++) {
    const answer = await answerAt(`${folder}/nginx.sock`, `/?k=${key}`)
    assert.equal(policy.pick(keyOf(key), [], 0)?.settings.slot, Number(answer[1]), `key ${key}`)
  }
})
