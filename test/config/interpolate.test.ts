// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { TemplateText } from '../../src/config/filters/template.ts'
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

test('variables of requests, which have a dot in their names, stay as they are, escaped or not', () => {
  for (const text of ['${client.address}', '$${client.address}', '$$${client.address}', 'a ${route.a} $${route.b}'])
    assert.equal(interpolate(text, env), text)
  assert.equal(interpolate('$${client.address ${HOST}', env), '${client.address app')
  assert.throws(() => interpolate('${Client.address}', env), { expected: '${NAME} or ${NAME:-default}' })
})

/** Texts of whatever could matter in them. */
const pieces = fc.constantFrom('$', '{', '}', '${', 'HOST', ':-', 'x', '.', 'client.address', '${route.a}')
const texts = fc.array(pieces).map((parts) => parts.join(''))

test('any escaped text is restored unchanged', () => {
  fc.assert(fc.property(texts, (text) => interpolate(escapeReferences(text), env) === text))
})

test('in a text with variables, $${ is a literal ${, whatever follows', () => {
  const template = (text: string) => z.decode(TemplateText, interpolate(text, env))
  assert.deepEqual(template('$${client.address} ${client.address}'), ['${client.address} ', { from: 'client.address' }])
  fc.assert(
    fc.property(texts, (text) => {
      assert.equal(template(text.replaceAll('${', () => '$${')).join(), text)
    }),
  )
})
