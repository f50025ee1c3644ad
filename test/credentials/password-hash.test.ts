import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePasswordHash, UnusableHash } from '../../src/credentials/password-hash.ts'
import { verifyPassword } from '../../src/credentials/verify-password.ts'
import fc from '../support/property.ts'

/** Of htpasswd 2.4.66, argon2 20190702, and openssl passwd 3.5, and the examples of those who made the algorithms. */
const written: readonly (readonly [password: string, hash: string])[] = [
  ['open sésame', '$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.'],
  ['myPassword', '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/'],
  ['open sésame', '$2y$05$8jV6wYONoGPzaLswPmUKAeoRyQVEsQCboFeUmx01wbAm7mFRpflvK'],
  ['open sésame', '$2y$04$E8.z/e4GHwwOm1WPYt6Sveo/vledZOTupHu1OdvUgS15vUxuYELXu'],
  ['open sésame', '$5$3Z9oN6TZFvxPHT53$7VmFUQB9gGnIx5ecxS.Jh6baocVrH5qhQVAkfFQH3S/'],
  [
    'open sésame',
    '$6$j8PsfrhZM.91rdrd$WApxeMRkYF3Ns7hI91V8CQzsg5p/8FcBlWj2wfU/QP52VtscYQoGE.ThM8Xq7J1llAw5k1xl1qcRvJi7fUli//',
  ],
  ['Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  [
    'Hello world!',
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
  [
    'the minimum number is still observed',
    '$6$rounds=10$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
  ],
  ['open sésame', '$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHRzYWx0$1n51qxjktYpX+0nZx3pQWge+6XOvnxB4cM5Hlr9L/LQ'],
  ['password', '$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG'],
]

for (const [password, hash] of written)
  test(`knows the password of ${hash.slice(0, 20)}…, and no other`, () => {
    const parsed = parsePasswordHash(hash)
    assert.equal(verifyPassword(Buffer.from(password), parsed), true)
    for (const other of [`${password} `, password.slice(0, -1), '', password.toUpperCase()])
      assert.equal(verifyPassword(Buffer.from(other), parsed), false, other)
  })

const refused: readonly (readonly [hash: string, message: RegExp])[] = [
  ['{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=', /found a fast one \(SHA\), which is guessed too easily/],
  ['{SSHA}EfatjsUqKYSrqv18O1FlA3hcIHI=', /found a fast one \(SHA\)/],
  ['SRe6gIpIaFHxU', /found one of the old crypt \(DES\)/],
  ['{PLAIN}secret', /found a plain password/],
  ['secret', /found a plain password/],
  ['', /found none/],
  ['$7$C6..../....$abc', /found another kind/],
  [
    '$2x$05$8jV6wYONoGPzaLswPmUKAeoRyQVEsQCboFeUmx01wbAm7mFRpflvK',
    /a bcrypt hash, found one that is cut off or damaged/,
  ],
  ['$2y$05$8jV6wYONoGPzaLswPmUKAeoRyQVEsQCboFeUmx01wbAm7mFRpfl', /a bcrypt hash, found one that is cut off/],
  [
    '$2y$15$8jV6wYONoGPzaLswPmUKAeoRyQVEsQCboFeUmx01wbAm7mFRpflvK',
    /within about a second \(at most 14\), found the cost 15/,
  ],
  ['$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R', /an MD5 hash \(apr1\), found one that is cut off/],
  [`$6$rounds=999999999$saltstring$${'a'.repeat(86)}`, /at most 1000000\), found rounds=999999999/],
  [`$5$saltstring$${'a'.repeat(86)}`, /a SHA-2 hash of crypt, found one that is cut off or damaged/],
  [
    '$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHRzYWx0$1n51qxjktYpX+0nZx3pQWge+6XOvnxB4cM5Hlr9L/LQ',
    /found m=99999999/,
  ],
  ['$argon2id$v=19$m=4096,t=99,p=1$c2FsdHNhbHRzYWx0$1n51qxjktYpX+0nZx3pQWge+6XOvnxB4cM5Hlr9L/LQ', /found t=99/],
  [
    '$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHRzYWx0$1n51qxjktYpX+0nZx3pQWge+6XOvnxB4cM5Hlr9L/LQ',
    /an Argon2 hash, found one that is/,
  ],
]

for (const [hash, message] of refused)
  test(`refuses ${hash.slice(0, 30)}, with the way to a better one`, () => {
    assert.throws(
      () => parsePasswordHash(hash),
      (error) => error instanceof UnusableHash && message.test(error.message) && error.hint.includes('htpasswd -B'),
    )
  })

test('never shows what it refuses, which may be a password', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4 }), (text) => {
      try {
        parsePasswordHash(`secret-${text}`)
        return false
      } catch (error) {
        return error instanceof UnusableHash && !`${error.message}${error.hint}`.includes('secret-')
      }
    }),
  )
})
