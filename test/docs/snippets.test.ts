/** What README.md and docs/ show of a configuration is accepted as it stands. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig } from '../../src/config/file.ts'

const root = new URL('../../', import.meta.url)
const pages = [
  'README.md',
  ...readdirSync(new URL('docs/', root), { recursive: true }).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'))

/** Values for the variables that pages use. */
const env = new Proxy({} as NodeJS.ProcessEnv, { get: () => 'a-text-of-more-than-32-characters-for-secrets' })

for (const page of pages) {
  const text = readFileSync(new URL(page, root), 'utf8')
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block]) => block!)
  const spans = [...text.matchAll(/`((?:listeners|upstreams|discovery): [[{].*?)`/g)].map(([, span]) => span!)
  const snippets = [...blocks, ...spans].flatMap(wholeConfigOf)
  if (snippets.length === 0) continue
  describe(page, () => {
    for (const [index, snippet] of snippets.entries()) {
      test(`${index + 1}: ${snippet.shown}`, () => {
        assert.doesNotThrow(() => parseConfig(snippet.text, page, env), ConfigError)
      })
    }
  })
}

/** A part of a configuration, with what is missing to make it whole; nothing if it is a part of something else. */
function wholeConfigOf(snippet: string): { readonly text: string; readonly shown: string }[] {
  // A page may show two values of one key.
  const shown = parse(snippet, { uniqueKeys: false, logLevel: 'silent' }) as unknown
  if (shown === null || typeof shown !== 'object') return []
  const { listeners, routes, upstreams, discovery } = shown as {
    listeners?: unknown
    routes?: { upstream: string }[]
    upstreams?: object
    discovery?: unknown
  }
  if (routes === undefined && upstreams === undefined && discovery !== undefined)
    return [{ text: JSON.stringify(shown), shown: firstLine(snippet) }]
  if (listeners === undefined && routes === undefined && upstreams === undefined) return []
  const [name = 'app'] = Object.keys(upstreams ?? {})
  const leadTo = routes?.map(({ upstream }) => upstream) ?? [name]
  const missing = Object.fromEntries(leadTo.map((each) => [each, { servers: ['192.0.2.1:80'] }]))
  const whole = {
    ...shown,
    routes: routes ?? [{ path: '/*', host: 'example.org', upstream: name }],
    upstreams: { ...missing, ...upstreams },
  }
  return [{ text: JSON.stringify(whole), shown: firstLine(snippet) }]
}

function firstLine(snippet: string): string {
  return snippet.trim().split('\n')[0]!
}
