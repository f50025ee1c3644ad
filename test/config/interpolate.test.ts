// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeReferences, interpolate } from '../../src/config/interpolate.ts'
import fc from '../support/property.ts'

const env = { HOST: 'app', EMPTY: '', MONEY: '$${HOST} ${HOST}' }

test('a variable is replaced by its value, also in the middle of text', () => {
  assert.equal(interpolate('http://${HOST}:80/${HOST}', env), 'http://app:80/app')
})

test('a default is used if the variable is unset or empty', () => {
  assert.equal(interpolate('${HOST:-other}', env), 'app')
  assert.equal(interpolate('${EMPTY:-other}', env), 'other')
  assert.equal(interpolate('${UNSET:-other}', env), 'other')
  assert.equal(interpolate('${UNSET:-}', env), '')
})

test('an empty variable without a default is empty, an unset one is an error', () => {
  assert.equal(interpolate('${EMPTY}', env), '')
  assert.throws(() => interpolate('${UNSET}', env), { expected: 'the environment variable UNSET to be set' })
})

test('references in the value of a variable are not expanded', () => {
  assert.equal(interpolate('${MONEY}', env), '$${HOST} ${HOST}')
})

test('a dollar is a dollar unless a brace follows', () => {
  assert.equal(interpolate('$HOST $5 $ $$', env), '$HOST $5 $ $$')
})

test('any escaped text is restored unchanged', () => {
  const text = fc.array(fc.constantFrom('$', '{', '}', 'HOST', ':-', 'x')).map((parts) => parts.join(''))
  fc.assert(fc.property(text, (text) => interpolate(escapeReferences(text), env) === text))
})
