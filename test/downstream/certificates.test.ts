/** Which certificate a client is shown, and what is agreed besides. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { TestAuthority } from '../support/certificates.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { SecurePlane, type SecureSettings } from '../support/secure-plane.ts'

const authority = await TestAuthority.create()
const [site, wild, address, rsa] = await Promise.all([
  authority.certificate('site', ['www.example.org', 'example.org']),
  authority.certificate('wild', ['*.example.org']),
  authority.certificate('address', ['127.0.0.1']),
  authority.certificate('rsa', ['www.example.org', 'example.org'], { keyType: 'rsa' }),
])

async function start(t: TestContext, settings: Partial<SecureSettings> = {}): Promise<SecurePlane> {
  const origin = await httpOrigin(t, (_, response) => response.end('<served>'))
  const config = { routes: [{ path: '/*', upstream: 'app' }], upstreams: { app: { servers: [origin.address] } } }
  return SecurePlane.start(t, { config, certificates: [site, wild], ...settings })
}

function shown(client: RawClient): string {
  return client.secureSocket.getPeerCertificate().subject.CN as string
}

/** The common name of the certificate that a client is shown; it accepts any. */
async function certificateFor(t: TestContext, { port }: SecurePlane, options: ConnectionOptions): Promise<string> {
  return shown(await RawClient.connectSecurely(t, port, { rejectUnauthorized: false, ...options }))
}

test('a host gets its own certificate, else that of a wildcard one label above it, else the first', async (t) => {
  const plane = await start(t)
  const names = ['www.example.org', 'WWW.Example.ORG', 'api.example.org', 'a.b.example.org', 'example.com', '']
  const certificates = []
  for (const servername of names) certificates.push(await certificateFor(t, plane, { servername }))
  assert.deepEqual(certificates, [
    'www.example.org',
    'www.example.org',
    '*.example.org',
    'www.example.org',
    'www.example.org',
    'www.example.org',
  ])
})

test('an exact name comes before a wildcard, whatever their order', async (t) => {
  const plane = await start(t, { certificates: [wild, site] })
  assert.equal(await certificateFor(t, plane, { servername: 'www.example.org' }), 'www.example.org')
})

test('a client that names no host gets the certificate of the address that it has connected to', async (t) => {
  const plane = await start(t, { certificates: [site, address] })
  assert.equal(await certificateFor(t, plane, { servername: '' }), '127.0.0.1')
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`with ${maxVersion}, a host that no certificate covers is refused where that is asked for`, async (t) => {
    const plane = await start(t, { tls: { unknownNames: 'refuse' } })
    const options = { maxVersion, rejectUnauthorized: false }
    await assert.rejects(RawClient.connectSecurely(t, plane.port, { ...options, servername: 'example.com' }), {
      code: /UNRECOGNIZED_NAME/,
    })
    assert.equal(await certificateFor(t, plane, { ...options, servername: 'example.org' }), 'www.example.org')
    assert.equal(await certificateFor(t, plane, { ...options, servername: '' }), 'www.example.org')
    const { cause } = await plane.event('handshake-failed')
    assert.equal(cause, 'no certificate covers the host that it names')
  })

  test(`with ${maxVersion}, a client gets the kind of certificate that it can use, ECDSA before RSA`, async (t) => {
    const kinds: Record<string, ConnectionOptions> = {
      both: {},
      ecdsa: { sigalgs: 'ecdsa_secp256r1_sha256' },
      rsa: { sigalgs: 'rsa_pss_rsae_sha256' },
      // With TLS 1.2, the cipher suite says which keys a client can use.
      ...(maxVersion === 'TLSv1.2' && { 'cipher rsa': { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } }),
    }
    for (const certificates of [
      [site, rsa],
      [rsa, site],
    ]) {
      const plane = await start(t, { certificates })
      for (const [kind, options] of Object.entries(kinds)) {
        for (const servername of ['www.example.org', 'example.com']) {
          const client = await RawClient.connectSecurely(t, plane.port, {
            ...options,
            maxVersion,
            ca: authority.ca,
            servername,
            checkServerIdentity: () => undefined,
          })
          const { publicKey } = new X509Certificate(client.secureSocket.getPeerCertificate().raw)
          assert.equal(publicKey.asymmetricKeyType, kind.endsWith('rsa') ? 'rsa' : 'ec', `${kind}, ${servername}`)
        }
      }
    }
  })

  test(`with ${maxVersion}, the server's order of protocols decides; without a common one the handshake fails`, async (t) => {
    const plane = await start(t, { tls: { protocols: ['h2', 'http/1.1'] } })
    const agreed = async (ALPNProtocols?: string[]) => {
      const options = {
        maxVersion,
        ca: authority.ca,
        servername: 'example.org',
        ...(ALPNProtocols && { ALPNProtocols }),
      }
      const client = await RawClient.connectSecurely(t, plane.port, options)
      return client.secureSocket.alpnProtocol
    }
    assert.equal(await agreed(['http/1.1', 'h2']), 'h2')
    assert.equal(await agreed(['spdy/3', 'http/1.1']), 'http/1.1')
    assert.equal(await agreed(), false)
    await assert.rejects(agreed(['spdy/3']), { code: /NO_APPLICATION_PROTOCOL/ })
    assert.match((await plane.event('handshake-failed')).cause, /ALPN/)
  })

  test(`with ${maxVersion}, a challenge's certificate is shown to those that ask for acme-tls/1, and to nobody else`, async (t) => {
    const plane = await start(t, { tls: { protocols: ['h2', 'http/1.1'] } })
    const challenge = await authority.certificate('challenge', ['www.example.org'], { subject: 'CN=challenge' })
    plane.plane.answerChallenges({ http: new Map(), tls: new Map([['www.example.org', challenge]]) })
    const options = { maxVersion, rejectUnauthorized: false }
    const ask = (servername: string, ALPNProtocols: string[]) =>
      RawClient.connectSecurely(t, plane.port, { ...options, servername, ALPNProtocols })
    const authorities = await ask('www.example.org', ['acme-tls/1'])
    assert.deepEqual([shown(authorities), authorities.secureSocket.alpnProtocol], ['challenge', 'acme-tls/1'])
    assert.equal(await authorities.goodbye(), '')
    for (const protocols of [['h2'], ['http/1.1']])
      assert.equal(shown(await ask('www.example.org', protocols)), 'www.example.org')
    await assert.rejects(ask('api.example.org', ['acme-tls/1']), { code: /NO_APPLICATION_PROTOCOL/ })
  })
}

test('a certificate is shown with its chain, each kind with its own', async (t) => {
  const [one, two] = await Promise.all([authority.intermediate('CN=One'), authority.intermediate('CN=Two')])
  const certificates = await Promise.all([
    one.certificate('a', ['example.org']),
    two.certificate('b', ['example.org'], { keyType: 'rsa' }),
  ])
  const plane = await start(t, { certificates })
  for (const [sigalgs, issuer] of [
    ['ecdsa_secp256r1_sha256', 'One'],
    ['rsa_pss_rsae_sha256', 'Two'],
  ] as const) {
    const options = { ca: authority.ca, servername: 'example.org', sigalgs }
    const client = await RawClient.connectSecurely(t, plane.port, options)
    assert.equal(client.secureSocket.getPeerCertificate().issuer.CN, issuer)
  }
})

test('a host without a certificate can wait for one that is obtained on demand', async (t) => {
  const plane = await start(t, { tls: { isOnDemand: true } })
  const options = { ca: authority.ca, servername: 'new.example.com' }
  const connected = RawClient.connectSecurely(t, plane.port, options)
  const { host } = await plane.event('certificate-wanted')
  // An authority does not wait: there would never be one.
  const challenge = await authority.certificate('challenge', [host])
  plane.plane.answerChallenges({ http: new Map(), tls: new Map([[host, challenge]]) })
  await RawClient.connectSecurely(t, plane.port, { ...options, ALPNProtocols: ['acme-tls/1'] })
  await plane.apply(t, { certificates: [site, await authority.certificate('new', [host])] })
  const client = await connected
  assert.equal(await client.ask('GET / HTTP/1.1\r\nHost: new.example.com\r\n\r\n'), 'served')
  await RawClient.connectSecurely(t, plane.port, options)
  assert.equal(plane.events.length, 1)
})

test('versions that are not offered, renegotiation and compression are refused', async (t) => {
  const plane = await start(t, { tls: { minVersion: 'TLSv1.3' } })
  const options = { ca: authority.ca, servername: 'example.org' }
  await assert.rejects(RawClient.connectSecurely(t, plane.port, { ...options, maxVersion: 'TLSv1.2' }), {
    code: /PROTOCOL_VERSION/,
  })
  assert.match((await plane.event('handshake-failed')).cause, /version of TLS/)
  await plane.apply(t, { tls: {} })
  const client = await RawClient.connectSecurely(t, plane.port, { ...options, maxVersion: 'TLSv1.2' })
  client.socket.on('error', () => {})
  client.secureSocket.renegotiate({}, () => {})
  await client.closed()
})
