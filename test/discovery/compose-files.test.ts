/**
 * Each file of test/fixtures/compose/DIALECT has beside it what Limpet makes of it: NAME.found.yaml, with the routes and upstreams
 * as a configuration has them, and what is said of the rest.
 * `node --test --test-update-snapshots test/discovery/compose-files.test.ts` rewrites them. Review the diff.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { parseConfig } from '../../src/config/file.ts'
import type { Described } from '../../src/discovery/docker/container.ts'
import { nginxProxy } from '../../src/discovery/docker/nginx-proxy/nginx-proxy.ts'
import { traefik } from '../../src/discovery/docker/traefik/traefik.ts'
import { containersOf } from '../support/compose-file.ts'

for (const dialect of [traefik, nginxProxy]) {
  const folder = fileURLToPath(new URL(`../fixtures/compose/${dialect.name}/`, import.meta.url))
  const names = readdirSync(folder)
    .filter((file) => !file.endsWith('.found.yaml'))
    .map((file) => file.replace(/\.yaml$/, ''))

  describe(`a Compose file for ${dialect.name} gives the routes that it means, or says what is not supported`, () => {
    for (const name of names) {
      test(name, (t) => {
        const found = foundIn(dialect.read(containersOf(`${folder}${name}.yaml`)))
        t.assert.fileSnapshot(
          stringify(found, { lineWidth: 0, aliasDuplicateObjects: false }),
          `${folder}${name}.found.yaml`,
          {
            serializers: [(text) => text],
          },
        )
      })
    }
  })

  describe(`what is found is a valid configuration: ${dialect.name}`, () => {
    for (const name of names) {
      test(name, () => {
        const { routes, upstreams } = parse(readFileSync(`${folder}${name}.found.yaml`, 'utf8'))
        // Without a server, that is what remains: 503.
        for (const upstream of Object.values<{ servers: string[] }>(upstreams)) upstream.servers.push('127.0.0.1:1')
        if (routes.length === 0) assert.deepEqual(upstreams, {})
        else parseConfig(stringify({ routes, upstreams }), name, {})
      })
    }
  })
}

/** As a configuration has it. The container stands for its address. */
function foundIn({ routes, upstreams, mistakes }: Described): unknown {
  return {
    routes: routes.map(({ settings, upstream }) => ({ ...settings, upstream })),
    upstreams: Object.fromEntries(
      upstreams.map(({ name, settings, servers }) => [
        name,
        {
          ...settings,
          servers: servers.map(({ container, port, address, settings }) => {
            const at = address ?? `${container.name}:${port}`
            return Object.keys(settings).length === 0 ? at : { address: at, ...settings }
          }),
        },
      ]),
    ),
    said: mistakes.map(({ where, message, hint }) => `${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`),
  }
}
