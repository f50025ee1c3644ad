import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PatternError } from '../../src/runtime/linear-pattern/syntax.ts'
import { LinearPattern } from '../../src/runtime/linear-pattern.ts'
import fc from '../support/property.ts'

const members = fc.constantFrom(
  'a',
  'b',
  '/',
  '.',
  '^a',
  'a-b',
  '^/',
  String.raw`\d`,
  String.raw`\w/`,
  '-a',
  'a-',
  '^-',
)
const atoms = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '/', String.raw`\.`, '.', String.raw`\d`, String.raw`\W`, String.raw`\x61`, '{', '}'),
  members.map((inside) => `[${inside}]`),
)
const quantifiers = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,}', '{0,2}', '{1,3}')

/** Any pattern, of which only is asked whether it matches. */
const anyPattern = [0, 1, 2].reduce<fc.Arbitrary<string>>(
  (inside) => {
    const item = fc
      .tuple(
        fc.oneof(
          { weight: 4, arbitrary: atoms },
          { weight: 1, arbitrary: inside.map((pattern) => `(${pattern})`) },
          { weight: 1, arbitrary: inside.map((pattern) => `(?:${pattern})`) },
          { weight: 1, arbitrary: fc.constantFrom('(^)', '($)', '(?:^|/)', '(?:$|/)') },
        ),
        quantifiers,
        fc.constantFrom('', '', '?'),
      )
      .map(([atom, times, lazy]) => (times === '' ? atom : `${atom}${times}${lazy}`))
    const sequence = fc.array(item, { maxLength: 3 }).map((items) => items.join(''))
    return fc.array(sequence, { minLength: 1, maxLength: 2 }).map((options) => options.join('|'))
  },
  fc.constantFrom('a', 'b', ''),
)

/** Patterns whose groups mean the same everywhere: nothing that may be empty is repeated, and no group is. */
const plainItem = fc
  .tuple(atoms, quantifiers, fc.constantFrom('', '', '?'))
  .map(([atom, times, lazy]) => (times === '' ? atom : `${atom}${times}${lazy}`))
const plainSequence = fc.array(plainItem, { maxLength: 4 }).map((items) => items.join(''))
const plainGroup = fc.array(plainSequence, { minLength: 1, maxLength: 3 }).map((options) => `(${options.join('|')})`)
const groupedPattern = fc
  .array(fc.oneof(plainSequence, plainGroup, fc.constantFrom('^', '$')), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))

const subject = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '/', '.', '1', '-', 'A', '\n', '{'), maxLength: 12 })

/** JavaScript's own, with `.` for every byte. */
function native(pattern: string, flags = ''): RegExp {
  return new RegExp(pattern, `s${flags}`)
}

describe('a linear pattern', () => {
  test('matches what the same regular expression of JavaScript matches', () => {
    fc.assert(
      fc.property(anyPattern, fc.array(subject, { maxLength: 8 }), fc.boolean(), (source, texts, ignoresCase) => {
        const pattern = new LinearPattern(`${ignoresCase ? '(?i)' : ''}${source}`)
        const expected = native(source, ignoresCase ? 'i' : '')
        for (const text of texts) assert.equal(pattern.test(text), expected.test(text), `${source} on ${text}`)
      }),
      { seed: 16, numRuns: 5000 },
    )
  })

  test('finds the same match and the same groups', () => {
    fc.assert(
      fc.property(groupedPattern, fc.array(subject, { maxLength: 8 }), (source, texts) => {
        const pattern = new LinearPattern(source)
        for (const text of texts) {
          const expected = native(source).exec(text)
          const found = pattern.match(text)
          assert.deepEqual(found?.groups, expected === null ? undefined : [...expected], `${source} on ${text}`)
          assert.equal(found?.start, expected?.index)
        }
      }),
      { seed: 16, numRuns: 5000 },
    )
  })

  test('finds a match where one exists, also by groups that are repeated or empty', () => {
    fc.assert(
      fc.property(anyPattern, subject, (source, text) => {
        const found = new LinearPattern(source).match(text)
        assert.equal(found !== undefined, native(source).test(text))
        assert.equal(found?.start, native(source).exec(text)?.index)
        if (found !== undefined) assert.equal(text.slice(found.start, found.end), found.groups[0])
      }),
      { seed: 16, numRuns: 3000 },
    )
  })

  test('finds a plain beginning, with and without the case of letters, and nothing elsewhere', () => {
    assert.deepEqual(new LinearPattern('^/api/').match('/api/v1'), { start: 0, end: 5, groups: ['/api/'] })
    assert.deepEqual(new LinearPattern('^').match('/a'), { start: 0, end: 0, groups: [''] })
    assert.deepEqual(new LinearPattern('^/a$').match('/a'), { start: 0, end: 2, groups: ['/a'] })
    assert.deepEqual(new LinearPattern('(?i)^/api').match('/API'), { start: 0, end: 4, groups: ['/API'] })
    for (const text of ['/v1/api/', '/api', '']) assert.equal(new LinearPattern('^/api/').match(text), undefined)
    assert.equal(new LinearPattern('^/a$').match('/ab'), undefined)
  })

  test('has groups by their names', () => {
    const pattern = new LinearPattern('^/(?<room>[^/]+)/(?:v(\\d+)|(?P<tag>[a-z]+))$')
    assert.deepEqual(
      [...pattern.names],
      [
        ['room', 1],
        ['tag', 3],
      ],
    )
    assert.deepEqual(pattern.match('/blue/beta')?.groups, ['/blue/beta', 'blue', undefined, 'beta'])
    assert.deepEqual(pattern.match('/blue/v12')?.groups, ['/blue/v12', 'blue', '12', undefined])
    assert.equal(pattern.match('/blue/V9'), undefined)
  })

  test('reads letters beyond ASCII as their bytes in UTF-8', () => {
    const bytes = (text: string) => Buffer.from(text).toString('latin1')
    const pattern = new LinearPattern('^/(caf(?:é|è)+)$')
    assert.equal(pattern.match(bytes('/caféèé'))?.groups[1], bytes('caféèé'))
    assert.equal(pattern.test('/caf\xc3'), false)
    assert.equal(new LinearPattern('^é+$').test(bytes('ééé')), true)
    assert.equal(new LinearPattern('^é+$').test(bytes('é').slice(0, 1)), false)
  })

  test('knows with what every match begins', () => {
    const beginnings = {
      '^/api/v(\\d+)': '/api/v',
      '^/ap*': '/a',
      '^/a(?:bc)d': '/abcd',
      '^/a|/b': '',
      '/api': '',
      '(?i)^/api': '/',
      '^/é': '/\xc3\xa9',
      '^': '',
      '\\A/x\\.y$': '/x.y',
    }
    for (const [source, beginning] of Object.entries(beginnings))
      assert.equal(new LinearPattern(source).beginning, beginning, source)
  })
})

describe('time grows with the text, whatever the pattern', () => {
  /** Patterns that make a backtracking engine take more steps than there are atoms, with an end that does not match, and one that does. */
  const hostile = [
    ['^/(a+)+$', '!', ''],
    ['^/(a|a)*$', '!', ''],
    ['^/(a|aa)+$', '!', ''],
    ['^/(.*a){20}$', '!', ''],
    ['^/(([a-z])+.)+[A-Z]([a-z])+$', '!', 'Aa'],
    ['(a?){150}a{150}b$', '!', 'b'],
    ['(?:a*)*b', '!', 'b'],
    ['(x+x+)+y', '!', 'xxy'],
  ] as const
  for (const [source, bad, good] of hostile) {
    test(`${source} on 8 KB`, () => {
      const pattern = new LinearPattern(source)
      const text = `/${'a'.repeat(8190)}`
      assert.equal(pattern.test(text + bad), false)
      assert.equal(pattern.match(text + bad), undefined)
      assert.notEqual(pattern.match(text + good), undefined)
    })
  }

  test('a pattern with more states than are kept', () => {
    const pattern = new LinearPattern('(?:a|b)*a(?:a|b){12}$')
    let text = ''
    for (let at = 0, bits = 1; at < 30_000; at++) {
      bits = (bits * 1_103_515_245 + 12_345) % 2_147_483_648
      text += bits & 65_536 ? 'a' : 'b'
    }
    assert.equal(pattern.test(text), text.at(-13) === 'a')
    assert.equal(pattern.test(`${text}a${'b'.repeat(12)}`), true)
    assert.equal(pattern.test(`${text}${'b'.repeat(13)}`), false)
  })
})

describe('what is no linear pattern is refused with the reason', () => {
  const refused: readonly (readonly [source: string, reason: RegExp])[] = [
    ['(?=a)', /no lookaround \(\?= at character 1: it cannot be matched in linear time/],
    ['a(?<!b)', /no lookaround \(\?<!/],
    ['(a)\\1', /no back-reference \\1 at character 4/],
    ['(?<n>a)\\k<n>', /no back-reference \\k/],
    ['a\\b', /no word boundary \\b/],
    ['\\p{L}', /no \\p at character 1/],
    ['(?s)a', /no flags but \(\?i\) at the very beginning, found \(\?s/],
    ['a(?i)b', /no flags but \(\?i\)/],
    ['(?>a)', /\(\?:…\), \(\?<name>…\) or \(…\) at character 1, found \(\?>/],
    ['(a', /a \) for the \( at character 1/],
    ['a)', /no \) without its \( at character 2/],
    ['[a', /a \] for the \[ at character 1/],
    ['[]a]', /characters in \[\]/],
    ['[b-a]', /a range from a smaller to a larger character/],
    ['[[:alpha:]]', /no class such as \[:alpha:\]/],
    ['[é]', /characters of ASCII in \[\], found é \(write others as alternatives/],
    ['*a', /something to repeat before \*/],
    ['^*', /something to repeat before \^\*/],
    ['a**', /one quantifier, found a\*\*/],
    ['a++', /no possessive quantifier, as in a\+\+/],
    ['a{2,1}', /the smaller number first, found \{2,1\}/],
    ['a{1001}', /at most 1000 repetitions/],
    ['(?:a{100}){100}', /a regular expression of at most 1000 steps \(repeat less/],
    ['(?<n>a)(?<n>b)', /each name of a group once, found n again/],
    ['()'.repeat(33), /at most 32 groups/],
    ['a'.repeat(1001), /at most 1000 characters/],
    ['a\\', /a character after the final/],
    ['\\x4', /two hexadecimal digits/],
  ]
  for (const [source, reason] of refused) {
    test(source.length > 40 ? `${source.slice(0, 40)}…` : source, () => {
      assert.throws(
        () => new LinearPattern(source),
        (error) => error instanceof PatternError && reason.test(error.message),
      )
    })
  }

  test('nothing that is repeated without end', () => {
    assert.equal(new LinearPattern('(?:(?:){1000}){1000}a').test('a'), true)
    assert.throws(() => new LinearPattern('(?:(?:(?:)?){1000}){1000}a'), PatternError)
  })
})
