/** Sessions of TLS that clients continue, and certificates of clients. */
import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { TestAuthority } from '../support/certificates.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { SecurePlane, type SecureSettings } from '../support/secure-plane.ts'

const [authority, clients, strangers] = await Promise.all([
  TestAuthority.create(),
  TestAuthority.create('CN=Clients'),
  TestAuthority.create('CN=Strangers'),
])
const certificate = await authority.certificate('site', ['localhost', '*.example.org'])
const [alice, mallory] = await Promise.all([
  clients.issueToClient('CN=alice,O=Example\\, Inc.'),
  strangers.issueToClient('CN=alice,O=Example\\, Inc.'),
])

/** A plane in front of a server that answers with the fields by which it knows clients, in `<…>`. */
async function start(t: TestContext, settings: Partial<SecureSettings> = {}): Promise<SecurePlane> {
  const origin = await httpOrigin(t, (request, response) => {
    const fields = Object.entries(request.headers).filter(([name]) => name.startsWith('x-client') || name.includes('_'))
    response.end(`<${fields.map(([name, value]) => `${name}: ${value}`).join('|')}>`)
  })
  const config = { routes: [{ path: '/*', upstream: 'app' }], upstreams: { app: { servers: [origin.address] } } }
  return SecurePlane.start(t, { certificates: [certificate], config, ...settings })
}

const get = (fields = '') => `GET / HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`

/** Connects, asks, and closes; returns the session with the answer. */
async function visit(t: TestContext, { port }: SecurePlane, options: ConnectionOptions) {
  const client = await RawClient.connectSecurely(t, port, { ca: authority.ca, ...options })
  const socket = client.secureSocket
  let session: Buffer | undefined = socket.getSession()
  socket.on('session', (newer: Buffer) => {
    session = newer
  })
  // With TLS 1.3, the session comes after the handshake, and before the answer.
  const answer = await client.ask(get())
  const isResumed = socket.isSessionReused()
  client.socket.end()
  await client.closed()
  return { session, answer, isResumed }
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`with ${maxVersion}, a session is continued on any worker, and after its certificate has been replaced`, async (t) => {
    const ticketKey = randomBytes(48)
    const [one, two] = await Promise.all([start(t, { ticketKey }), start(t, { ticketKey })])
    const options = { maxVersion }
    const { session } = await visit(t, one, options)
    assert.equal((await visit(t, two, { ...options, session })).isResumed, true)
    await two.apply(t, { certificates: [await authority.certificate('site', ['localhost'])] })
    assert.equal((await visit(t, two, { ...options, session })).isResumed, true)
  })

  test(`with ${maxVersion}, another ticket key costs a handshake, and nothing else`, async (t) => {
    const plane = await start(t)
    const { session } = await visit(t, plane, { maxVersion })
    await plane.apply(t, { ticketKey: randomBytes(48) })
    const second = await visit(t, plane, { maxVersion, session })
    assert.equal(second.isResumed, false)
    assert.equal((await visit(t, plane, { maxVersion, session: second.session })).isResumed, true)
  })

  test(`with ${maxVersion}, a client is known by its certificate, also when it continues a session`, async (t) => {
    const plane = await start(t, { tls: { clientCertificates: { ca: clients.ca, isRequired: true } } })
    const x509 = new X509Certificate(alice.cert)
    const expected = [
      'x-client-cert-subject: O=Example\\, Inc.,CN=alice',
      'x-client-cert-issuer: CN=Clients',
      `x-client-cert-serial: ${x509.serialNumber.toLowerCase()}`,
      `x-client-cert-fingerprint: ${x509.fingerprint256.replaceAll(':', '').toLowerCase()}`,
      `x-client-cert-not-after: ${x509.validToDate.toISOString().replace('.000', '')}`,
    ].join('|')
    const first = await visit(t, plane, { maxVersion, ...alice })
    assert.deepEqual([first.answer, first.isResumed], [expected, false])
    const { session } = first
    const second = await visit(t, plane, { maxVersion, session, ...alice })
    assert.deepEqual([second.answer, second.isResumed], [expected, true])
  })

  test(`with ${maxVersion}, a client without a certificate of the authority is refused where one is required`, async (t) => {
    const plane = await start(t, { tls: { clientCertificates: { ca: clients.ca, isRequired: true } } })
    await assert.rejects(visit(t, plane, { maxVersion }))
    assert.equal((await plane.event('handshake-failed')).cause, 'the client shows no certificate')
    const other = await start(t, { tls: { clientCertificates: { ca: clients.ca, isRequired: true } } })
    await assert.rejects(visit(t, other, { maxVersion, ...mallory }))
    assert.match((await other.event('handshake-failed')).cause, /of the client is not valid: unable to verify/)
    await assert.rejects(visit(t, plane, { maxVersion, ...alice, key: undefined }))
  })

  test(`with ${maxVersion}, no session gets a client in that has shown no valid certificate`, async (t) => {
    const ticketKey = randomBytes(48)
    const isRequired = { tls: { clientCertificates: { ca: clients.ca, isRequired: true } } }
    const isOptional = { tls: { clientCertificates: { ca: clients.ca, isRequired: false } } }
    const others = { tls: { clientCertificates: { ca: strangers.ca, isRequired: true } } }
    const [open, optional, foreign, strict] = await Promise.all(
      [{}, isOptional, others, isRequired].map((settings) => start(t, { ticketKey, ...settings })),
    )
    const sessions = [
      (await visit(t, open!, { maxVersion })).session,
      (await visit(t, optional!, { maxVersion })).session,
      (await visit(t, optional!, { maxVersion, ...mallory })).session,
      (await visit(t, foreign!, { maxVersion, ...mallory })).session,
    ]
    for (const session of sessions) {
      await assert.rejects(visit(t, strict!, { maxVersion, session }))
      await assert.rejects(visit(t, strict!, { maxVersion, session, ...mallory }))
    }
    // The same holds once the authorities are others.
    const { session } = await visit(t, strict!, { maxVersion, ...alice })
    await strict!.apply(t, others)
    await assert.rejects(visit(t, strict!, { maxVersion, session, ...alice }))
    // A client whose certificate is not valid is none, in each session.
    const invalid = await visit(t, optional!, { maxVersion, session: sessions[2], ...mallory })
    assert.deepEqual([invalid.answer, invalid.isResumed], ['', true])
  })
}

test('what a client writes in the fields of its certificate reaches no server, in any spelling', async (t) => {
  const forged = ['X-Client-Cert-Subject', 'x-client-cert-fingerprint', 'X_Client_Cert_Subject', 'X-Client-Cert_Serial']
    .concat('X-Client-Cert', 'X-CLIENT-CERT-VERIFY', 'x_client-cert-issuer')
    .map((name) => `${name}: forged\r\n`)
  const tls = { clientCertificates: { ca: clients.ca, isRequired: false } }
  const plane = await start(t, { tls })
  for (const options of [{}, alice]) {
    const client = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca, ...options })
    assert.doesNotMatch(await client.ask(get(forged.join(''))), /forged/)
  }
  const client = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca })
  assert.equal(await client.ask(get('X-Client-Certainty: high\r\n')), 'x-client-certainty: high')
})

test('routes can look at the certificate, and not at what a client writes in its place', async (t) => {
  const [one, two] = await Promise.all(
    ['one', 'two'].map((name) => httpOrigin(t, (_, response) => response.end(`<${name}>`))),
  )
  const headers = { 'X-Client-Cert-Issuer': 'CN=Clients' }
  const config = {
    routes: [
      { path: '/*', headers, upstream: 'one' },
      { path: '/', headers: { 'X-Client-Certainty': 'high' }, upstream: 'one' },
      { path: '/*', upstream: 'two' },
    ],
    upstreams: { one: { servers: [one!.address] }, two: { servers: [two!.address] } },
  }
  const plane = await start(t, { config, tls: { clientCertificates: { ca: clients.ca, isRequired: false } } })
  assert.equal((await visit(t, plane, alice)).answer, 'one')
  assert.equal((await visit(t, plane, mallory)).answer, 'two')
  const client = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca })
  assert.equal(await client.ask(get('X-Client-Cert-Issuer: CN=Clients\r\n')), 'two')
  // A longer word is another name.
  assert.equal(await client.ask(get('X-Client-Certainty: high\r\n')), 'one')
})

test('unusual names are passed on in the form of RFC 4514, in ASCII', async (t) => {
  const plane = await start(t, { tls: { clientCertificates: { ca: clients.ca, isRequired: true } } })
  for (const [subject, expected] of [
    ['CN=Zoë\\, "the" \\+ best+OU=x,DC=example,DC=org', /^DC=org,DC=example,/],
    ['CN=a\\0D\\0Ab: c', /a\\0D\\0Ab/],
  ] as const) {
    const named = await clients.issueToClient(subject)
    const { answer } = await visit(t, plane, named)
    const field = answer.split('|')[0]!.slice('x-client-cert-subject: '.length)
    assert.match(field, expected)
    assert.match(field, /^[ -~]*$/)
  }
})

test('a request for a host that the connection is not for gets a 421', async (t) => {
  const plane = await start(t)
  const status = async (host: string, options: ConnectionOptions) => {
    const client = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca, ...options })
    client.say(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    const [, code] = /^HTTP\/1.1 (\d+)/.exec(await client.goodbye())!
    return Number(code)
  }
  const named = { servername: 'a.example.org' }
  assert.equal(await status('a.example.org', named), 200)
  assert.equal(await status('A.example.org:8443', named), 200)
  assert.equal(await status('b.example.org', named), 200)
  assert.equal(await status('localhost', named), 200)
  assert.equal(await status('example.com', named), 421)
  assert.equal(await status('a.b.example.org', named), 421)
  const unnamed = { servername: '', checkServerIdentity: () => undefined }
  assert.equal(await status('example.com', unnamed), 200)
  assert.equal(await status('example.com', { servername: 'example.com', checkServerIdentity: () => undefined }), 200)
  await plane.apply(t, { tls: { clientCertificates: { ca: clients.ca, isRequired: false } } })
  assert.equal(await status('a.example.org', named), 200)
  assert.equal(await status('b.example.org', named), 421)
  assert.equal(await status('b.example.org', unnamed), 200)
})

test('open connections outlive their certificates, of which 30 replace each other under load', async (t) => {
  const plane = await start(t)
  const old = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca })
  let isOver = false
  const seen = new Set<string>()
  const visitor = async () => {
    while (!isOver) {
      const client = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca })
      seen.add(client.secureSocket.getPeerCertificate().serialNumber)
      assert.equal(await client.ask(get()), '')
      client.socket.end()
      await once(client.socket, 'close')
    }
  }
  const visitors = Promise.all(Array.from({ length: 4 }, visitor))
  for (let renewal = 0; renewal < 30; renewal++) {
    const next = await authority.certificate('site', ['localhost'])
    await plane.apply(t, { certificates: [next] })
    const { serialNumber } = new X509Certificate(next.chain)
    const fresh = await RawClient.connectSecurely(t, plane.port, { ca: authority.ca })
    assert.equal(fresh.secureSocket.getPeerCertificate().serialNumber, serialNumber)
    assert.equal(await fresh.ask(get()), '')
    fresh.socket.destroy()
    assert.equal(await old.ask(get()), '')
  }
  isOver = true
  await visitors
  assert.deepEqual(plane.events, [])
  assert.ok(seen.size > 1)
})
