import assert from 'node:assert/strict'
import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { UnusableFile } from '../../src/certificates/unusable-file.ts'
import { parseKeySet, readKeySet, readTokenSecret } from '../../src/credentials/key-set.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')

function jwk(key: KeyObject, more: object = {}) {
  return { ...key.export({ format: 'jwk' }), ...more }
}

function file(text: string) {
  return { path: 'keys', bytes: Buffer.from(text), isPublic: true }
}

test('keeps the public part of each key that verifies signatures', () => {
  const { keys } = parseKeySet(
    'https://id.example/keys',
    JSON.stringify({
      keys: [
        jwk(rsa.privateKey, { kid: 'one', alg: 'RS256', use: 'sig', x5c: ['…'] }),
        jwk(ec.publicKey, { kid: 'two' }),
        jwk(ed.publicKey, { kid: 'three' }),
        jwk(rsa.publicKey, { kid: 'for encryption', use: 'enc' }),
        jwk(createSecretKey(Buffer.alloc(32, 'x')), { kid: 'a secret that everybody can read' }),
        jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, { kid: 'too short' }),
        { kty: 'RSA', kid: 'damaged', n: 'AQAB' },
        { kty: 'of tomorrow', kid: 'not known' },
        null,
        17,
      ],
    }),
  )
  assert.deepEqual(
    keys.map(({ kid }) => kid),
    ['one', 'two', 'three'],
  )
  assert.deepEqual(keys[0], { ...jwk(rsa.publicKey), kid: 'one', alg: 'RS256', use: 'sig' })
})

test('reads public keys and certificates in PEM', () => {
  const pem = [rsa, ec, ed].map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' })).join('# next\n')
  assert.deepEqual(
    readKeySet(file(pem)).keys.map(({ kty }) => kty),
    ['RSA', 'EC', 'OKP'],
  )
})

const mistakes: readonly (readonly [text: string, message: RegExp])[] = [
  ['', /expected PEM, found an empty file/],
  ['{ "keys": [', /found something that is not JSON/],
  ['{ "error": "sign in first" }', /found other JSON/],
  ['{ "keys": [] }', /expected a public key that verifies signatures .*, found none among 0/],
  [JSON.stringify({ keys: Array(101).fill({}) }), /at most 100 keys, found 101/],
  [ec.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, /expected public keys, found a private key/],
  [
    generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }) as string,
    /found another PUBLIC KEY/,
  ],
]

for (const [text, message] of mistakes)
  test(`refuses a file: ${message.source}`, () => {
    assert.throws(
      () => readKeySet(file(text)),
      (error) => error instanceof UnusableFile && message.test(error.message),
    )
  })

test('reads a secret without the end of its line', () => {
  const secret = 'a secret of thirty-two characters'
  const [key] = readTokenSecret(file(`${secret}\n`)).keys
  assert.deepEqual(key, { kty: 'oct', k: Buffer.from(secret).toString('base64url') })
})

test('refuses a secret that is too short, and a public key as a secret', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(
      () => readTokenSecret(file(text)),
      (error) => error instanceof UnusableFile && message.test(error.message),
    )
  refused('hunter2', /at least 32 bytes, found 7/)
  refused(rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string, /expected a secret, found PEM/)
})
