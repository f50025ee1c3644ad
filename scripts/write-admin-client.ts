/**
 * Writes the types of the admin API's client (openapi-fetch) from the API's own description. openapi-typescript needs another
 * version of TypeScript than this repository, so that npx brings both.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { digestOf, openApiDocument } from '../test/admin/document.ts'

const client = fileURLToPath(new URL('../test/support/admin-api.d.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'limpet-client-'))
const [document, types] = [join(folder, 'openapi.json'), join(folder, 'client.d.ts')]
writeFileSync(document, JSON.stringify(openApiDocument()))
const packages = ['openapi-typescript@7', 'typescript@5'].flatMap((name) => ['--package', name])
execFileSync('npx', ['--yes', ...packages, 'openapi-typescript', document, '--output', types], { stdio: 'inherit' })
const head = `// Made by npm run admin-client, from the description with the digest ${digestOf(openApiDocument())}.\n`
writeFileSync(client, head + readFileSync(types, 'utf8'))
rmSync(folder, { recursive: true })
