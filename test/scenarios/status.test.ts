/** `limpet status`, the command-line client of the admin API. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Status } from '../../src/admin/answers.ts'
import { adminUrlOf, configFile, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'

const twoUpstreams = ({ address }: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  admin: { port: 0 }
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: cookie
      servers:
        - { name: one, address: ${address}, weight: 2 }
        - { name: two, address: ${address}, drain: true }
        - { name: three, address: ${address}, down: true, backup: true }
    hashed: { balance: ip-hash, servers: [${address}] }
`

async function running(t: TestContext) {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const limpet = await startLimpet(t, twoUpstreams(origin))
  return { limpet, origin, api: await adminUrlOf(limpet) }
}

describe('limpet status', () => {
  test('shows upstreams, servers and sessions as a table', async (t) => {
    const { api, limpet, origin } = await running(t)
    assert.equal(await (await fetch(limpet.url, { headers: { connection: 'close' } })).text(), 'ok')
    const { code, stdout } = await runLimpet(['status', '--url', api])
    assert.equal(code, 0)
    const cell = (text: string | number) => ` +${text}`
    const row = (...cells: (string | number)[]) => new RegExp(`^ ${cells.map(cell).join('')}$`, 'm')
    assert.match(stdout, new RegExp(`^limpet \\S+, up for .*, 2 workers, listening on 127.0.0.1:${limpet.port}$`, 'm'))
    assert.match(stdout, /^upstream app: round-robin, affinity cookie$/m)
    assert.match(stdout, row('one', origin.address, 2, 'up', 0, 1, 0, 1, '100 %', 0, '\\d+ s'))
    assert.match(stdout, row('two', origin.address, 1, 'drain', 0, 0, 0, 0, '0 %', 0, '-'))
    assert.match(stdout, row('three', origin.address, 1, 'maintenance \\(backup\\)', 0, 0, 0, 0, '0 %', 0, '-'))
    assert.match(stdout, /^upstream hashed: ip-hash$/m)
  })

  test('names each affinity as the file does', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      routes: [{ path: /*, upstream: cookie }]
      upstreams:
        cookie: { affinity: cookie, servers: [127.0.0.1:1] }
        learn: { affinity: { type: learn, from: "cookie:SID" }, servers: [127.0.0.1:1] }
        header: { affinity: { type: header, name: X-User }, servers: [127.0.0.1:1] }
        query: { affinity: { type: query, name: user }, servers: [127.0.0.1:1] }
        path: { affinity: { type: path, pattern: /rooms/:room }, servers: [127.0.0.1:1] }
        ip-hash: { affinity: ip-hash, servers: [127.0.0.1:1] }
        consistent-hash: { affinity: { type: consistent-hash, key: uri }, servers: [127.0.0.1:1] }
    `
    const limpet = await startLimpet(t, config)
    const { stdout } = await runLimpet(['status', '--url', await adminUrlOf(limpet)])
    assert.deepEqual(
      stdout.match(/^upstream .*$/gm),
      ['cookie', 'learn', 'header', 'query', 'path', 'ip-hash', 'consistent-hash'].map(
        (kind) => `upstream ${kind}: round-robin, affinity ${kind}`,
      ),
    )
  })

  test('prints what the API says as JSON', async (t) => {
    const { api } = await running(t)
    const { code, stdout } = await runLimpet(['status', '--url', api, '--json'])
    assert.equal(code, 0)
    const { status, upstreams } = JSON.parse(stdout)
    Status.strict().parse(status)
    const answer = (await (await fetch(`${api}/v1/upstreams`)).json()) as { upstreams: unknown }
    assert.deepEqual(upstreams, answer.upstreams)
  })

  test('says which address it asked, and how to turn the API on, if none answers', async (t) => {
    const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
    const withoutAdmin = `
      admin: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [127.0.0.1:1] } }
    `
    const withAdmin = `
      admin: { port: ${origin.port} }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [127.0.0.1:1] } }
    `
    const off = await runLimpet(['status', '-c', await configFile(t, withoutAdmin)])
    assert.equal(off.code, 1)
    assert.match(off.stderr, /^limpet: the admin API is off in this configuration; turn it on .*admin: on/)
    const other = await runLimpet(['status', '--url', origin.address])
    assert.equal(other.code, 1)
    assert.match(other.stderr, new RegExp(`http://${origin.address}/v1/status is no admin API of Limpet`))
    await origin.kill()
    const dead = await runLimpet(['status', '-c', await configFile(t, withAdmin)])
    assert.equal(dead.code, 1)
    assert.match(
      dead.stderr,
      new RegExp(`no admin API answers at http://127.0.0.1:${origin.port} \\(ECONNREFUSED\\): is limpet`),
    )
  })
})
