import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnusableFile } from '../../src/certificates/unusable-file.ts'
import { hashOfUser, readPasswordFile, someHash } from '../../src/credentials/password-file.ts'
import fc from '../support/property.ts'

const HASH = '$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.'
const OTHER = '$2y$04$E8.z/e4GHwwOm1WPYt6Sveo/vledZOTupHu1OdvUgS15vUxuYELXu'

function read(text: string) {
  return readPasswordFile({ path: 'users', bytes: Buffer.from(text), isPublic: false })
}

test('finds each user of a file, and nobody else', () => {
  const file = read(`# of the office\n\nbob:${HASH}\r\nalice:${OTHER}:in the office until May\n  \nzoë:${HASH}`)
  assert.equal(hashOfUser(file, Buffer.from('bob')), HASH)
  assert.equal(hashOfUser(file, Buffer.from('alice')), OTHER)
  assert.equal(hashOfUser(file, Buffer.from('zoë')), HASH)
  for (const name of ['', 'a', 'alic', 'alice ', 'alice:', 'Bob', 'zo', 'zz', '#', ':', '\n'])
    assert.equal(hashOfUser(file, Buffer.from(name)), undefined, name)
})

test('finds each of 10,000 users, whatever their names and their order', () => {
  const name = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 12 })
    .filter((each) => /^[^:#\s\p{Cc}]+$/u.test(each))
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 200 }), fc.string(), (names, other) => {
      const file = read(names.map((each, index) => `${each}:$1$${index}$g.iurwy285MG7Yr16Ua9R.`).join('\n'))
      for (const [index, each] of names.entries())
        assert.equal(hashOfUser(file, Buffer.from(each)), `$1$${index}$g.iurwy285MG7Yr16Ua9R.`)
      if (!names.includes(other)) assert.equal(hashOfUser(file, Buffer.from(other)), undefined)
    }),
    { numRuns: 30 },
  )
  const file = read(Array.from({ length: 10_000 }, (_, index) => `user${index}:${HASH}`).join('\n'))
  for (let index = 0; index < 10_000; index++) assert.equal(hashOfUser(file, Buffer.from(`user${index}`)), HASH)
})

test('has a hash of the file for every number', () => {
  const file = read(`a:${HASH}\nb:${OTHER}\n`)
  const found = new Set(Array.from({ length: 1000 }, (_, index) => someHash(file, index / 999)))
  assert.deepEqual(found, new Set([HASH, OTHER]))
})

const mistakes: readonly (readonly [text: string, where: string, message: RegExp])[] = [
  [`alice:${HASH}\nbob\n`, 'users:2', /expected USER:HASH, found no colon/],
  [`\n\n:${HASH}\n`, 'users:3', /expected the name of a user before the colon, found none/],
  [`alice:${HASH}\nbob:${HASH}\nalice:${OTHER}\n`, 'users:3', /expected each user once, found one of line 1 again/],
  [
    `alice:{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=\nbob:hunter2\n`,
    'users:1',
    /found a fast one .*; 1 more line\(s\) cannot be used/,
  ],
  [`a\u0001:${HASH}`, 'users:1', /without control characters/],
  ['', 'users', /at least one user, found none/],
  ['# nobody\n', 'users', /at least one user, found none/],
]

for (const [text, where, message] of mistakes)
  test(`says where a mistake is: ${message.source}`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof UnusableFile && error.path === where && message.test(error.message),
    )
  })
