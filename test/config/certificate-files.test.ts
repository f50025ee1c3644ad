/** What `limpet check` says of the files that a configuration names for TLS. */
import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { readFile } from '../../src/certificates/file-content.ts'
import { type Pem, TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet } from '../support/limpet.ts'

const DAY = 86_400_000
const authority = await TestAuthority.create()
const intermediate = await authority.intermediate()
const other = await authority.issue(['other.example'])
const site = await intermediate.issue(['example.org', '*.example.org'])

/** Writes the files, and checks a configuration that names `site.pem` and `site.key`, each relative to its own place. */
async function checked(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>, more = '') {
  const folder = await temporaryFolder(t)
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content, { mode: 0o600 })
  const config = `listeners:
  - tls: { certificates: [{ cert: site.pem, key: site.key }]${more} }
routes: [{ path: /*, upstream: web }]
upstreams: { web: { servers: [10.0.0.1] } }
`
  await writeFile(join(folder, 'limpet.yaml'), config)
  const { code, stderr } = await runLimpet(['check', '-c', 'limpet.yaml'], { STATE_DIRECTORY: folder }, folder)
  return { code, text: stderr.replaceAll(`${folder}/`, ''), folder }
}

const keyFrom = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ type: 'pkcs8', format: 'pem' })

const filesOf = ({ cert, key }: Pem) => ({ 'site.pem': cert, 'site.key': key })

test('a directory is refused with what to do', () => {
  assert.throws(() => readFile(tmpdir()), { hint: 'name a file in it' })
})

test('a file of another user is refused with what to do', () => {
  const NOBODY = 65_534
  const isRoot = process.geteuid!() === 0
  // Root may read everything.
  if (isRoot) process.seteuid!(NOBODY)
  try {
    assert.throws(() => readFile('/etc/shadow'), { hint: /^let the user that runs Limpet read it/ })
  } finally {
    if (isRoot) process.seteuid!(0)
  }
})

describe('files that cannot be used are refused, with their place', () => {
  const key = createPrivateKey(site.key)
  const encrypted = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
  const cases: [what: string, files: Record<string, string | Uint8Array>, message: RegExp][] = [
    [
      'a missing certificate',
      { 'site.key': site.key },
      /^limpet\.yaml:2:35: listeners\[0\]\.tls\.certificates\[0\]\.cert: site\.pem: cannot be read: no such file or directory$/m,
    ],
    ['a missing key', { 'site.pem': site.cert }, /^limpet\.yaml:2:50: .*key: site\.key: cannot be read: no such file/m],
    [
      'an empty file',
      { ...filesOf(site), 'site.pem': '' },
      /^limpet\.yaml:2:35: .*site\.pem: expected PEM, found an empty file$/m,
    ],
    [
      'DER',
      { ...filesOf(site), 'site.pem': new X509Certificate(site.cert).raw },
      /site\.pem: expected PEM, found DER \(convert it: openssl x509 -inform der/,
    ],
    [
      'a key in DER',
      { ...filesOf(site), 'site.key': key.export({ type: 'pkcs8', format: 'der' }) },
      /site\.key: expected PEM, found DER \(convert it: openssl pkey -inform der/,
    ],
    ['other text', { ...filesOf(site), 'site.pem': 'hello' }, /site\.pem: expected PEM, found no line -----BEGIN/],
    [
      'a file that is cut off',
      { ...filesOf(site), 'site.pem': site.cert.slice(0, -40) },
      /site\.pem: expected whole PEM blocks, found CERTIFICATE without its end/,
    ],
    [
      'the key of another certificate',
      { ...filesOf(site), 'site.key': other.key },
      /:2:50: .*site\.key: expected the key of the certificate in site\.pem, found another key$/m,
    ],
    [
      'a chain in the wrong order',
      { ...filesOf(site), 'site.pem': authority.ca + site.cert },
      /:2:35: .*site\.pem: expected the certificate of the key first, found it behind others$/m,
    ],
    [
      'a key with a password',
      { ...filesOf(site), 'site.key': encrypted },
      /site\.key: expected a key without a password, found one with a password \(take the password off/,
    ],
    [
      'a short key',
      { ...filesOf(site), 'site.key': keyFrom(generateKeyPairSync('rsa', { modulusLength: 1024 })) },
      /site\.key: expected a key of 2048 bits or more, found 1024 \(browsers accept no other\)$/m,
    ],
    [
      'a key on a curve that browsers do not know',
      { ...filesOf(site), 'site.key': keyFrom(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })) },
      /site\.key: expected a key on P-256, P-384 or P-521, found secp256k1 \(browsers accept no other\)$/m,
    ],
    [
      'a key of a kind that browsers do not know',
      { ...filesOf(site), 'site.key': keyFrom(generateKeyPairSync('ed25519')) },
      /site\.key: expected a key of type ECDSA or RSA, found ed25519 \(browsers accept no other\)$/m,
    ],
    [
      'a key in place of the certificate',
      { ...filesOf(site), 'site.pem': site.key },
      /site\.pem: expected a certificate, found none$/m,
    ],
    [
      'a certificate in place of the key',
      { ...filesOf(site), 'site.key': site.cert },
      /site\.key: expected a private key, found none$/m,
    ],
    [
      'a broken certificate',
      { ...filesOf(site), 'site.pem': site.cert.replace(/\nMII./, '\nAAAA') },
      /site\.pem: expected certificates, found number 1 that cannot be read/,
    ],
  ]
  for (const [what, files, message] of cases) {
    test(what, async (t) => {
      const { code, text } = await checked(t, files)
      assert.equal(code, 1)
      assert.match(text, message)
    })
  }

  test('those of authorities and tickets, too', async (t) => {
    const more = ', clientCertificates: { ca: clients.pem }, ticketKeys: tickets'
    const { code, text } = await checked(t, { ...filesOf(site), tickets: 'c2hvcnQ=' }, more)
    assert.equal(code, 1)
    assert.match(text, /^limpet\.yaml:2:89: listeners\[0\]\.tls\.clientCertificates\.ca: clients\.pem: cannot be read/m)
    assert.match(
      text,
      /tickets: expected 48 random bytes, or these in base64, found 5 bytes in base64 \(make them with: openssl/,
    )
  })
})

describe('certificates that clients will not like cause a warning', () => {
  const warningsFor = async (t: TestContext, pem: Pem) => {
    const { code, text } = await checked(t, filesOf(pem))
    assert.equal(code, 0)
    return text
  }

  test('none for a good one', async (t) => {
    assert.equal(await warningsFor(t, site), '')
  })

  test('one that has expired, and since when', async (t) => {
    const notAfter = new Date(Date.now() - 2 * DAY)
    const text = await warningsFor(t, await intermediate.issue(['a.example'], { notBefore: new Date(0), notAfter }))
    const end = new Date(Math.floor(notAfter.getTime() / 1000) * 1000).toISOString()
    assert.equal(
      text,
      `warning: certificate of a.example (site.pem) has expired: it was valid until ${end}; clients refuse it`,
    )
  })

  test('one that expires soon', async (t) => {
    const notAfter = new Date(Date.now() + 5.5 * DAY)
    const text = await warningsFor(t, await intermediate.issue(['a.example'], { notBefore: new Date(0), notAfter }))
    assert.match(text, /^warning: certificate of a\.example \(site\.pem\) expires in 5 day\(s\), on /)
  })

  test('one that is not valid yet', async (t) => {
    const wish = { notBefore: new Date(Date.now() + DAY), notAfter: new Date(Date.now() + 90 * DAY) }
    const text = await warningsFor(t, await intermediate.issue(['a.example'], wish))
    assert.match(text, /^warning: certificate of a\.example \(site\.pem\) is not valid yet: it begins at /)
  })

  test('one without its chain', async (t) => {
    const text = await warningsFor(t, { ...site, cert: site.cert.split(/(?=-----BEGIN)/)[0]! })
    assert.match(
      text,
      /^warning: certificate of example\.org, \*\.example\.org \(site\.pem\) comes without that of its issuer, Test Intermediate:/,
    )
  })

  test('a key that everybody can read', async (t) => {
    const { folder } = await checked(t, filesOf(site))
    await chmod(join(folder, 'site.key'), 0o644)
    const { stderr } = await runLimpet(['check', '-c', 'limpet.yaml'], { STATE_DIRECTORY: folder }, folder)
    assert.match(stderr, /has a key that every user of this machine can read: protect its file with chmod 600$/m)
  })

  test('a key of session tickets that everybody can read', async (t) => {
    const files = { ...filesOf(site), tickets: new Uint8Array(48).fill(7) }
    const { folder, code, text } = await checked(t, files, ', ticketKeys: tickets')
    assert.deepEqual([code, text], [0, ''])
    await chmod(join(folder, 'tickets'), 0o644)
    const { stderr } = await runLimpet(['check', '-c', 'limpet.yaml'], { STATE_DIRECTORY: folder }, folder)
    assert.match(stderr, /tickets, the key of session tickets, can be read by every user of this machine: protect it/)
  })
})
