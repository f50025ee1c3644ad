/** The examples of docs/filters/: each request of their tables is made, and what comes of it is what they say. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { startDataPlane } from '../support/data-plane.ts'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin } from '../support/origin.ts'

const folder = new URL('../../docs/filters/', import.meta.url)

/** The parts of a cell that are written as code. */
const codeIn = (cell: string) => [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => code!)

/** The rows of the table of requests, by its headings. */
function requestsIn(page: string): Record<string, readonly string[]>[] {
  const lines = page.split('\n')
  const start = lines.findIndex((line) => line.startsWith('| Request |'))
  if (start < 0) return []
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  const headings = cells(lines[start]!)
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) => {
    return Object.fromEntries(cells(line).map((cell, index) => [headings[index]!, codeIn(cell)]))
  })
}

/** A file that a page shows: its path at the end of a sentence, and what it holds. */
const filesOfPage = /`\/etc\/limpet\/([\w.-]+)`:\n\n```\n([\s\S]*?)```/g

/** `Name: value` */
function fieldOf(text: string): readonly [name: string, value: string] {
  const colon = text.indexOf(':')
  return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()]
}

const nameOf = (field: string) => fieldOf(field)[0]

const isField = (text: string) => /^[A-Za-z-]+: /.test(text)

/** A server that answers as a table says, and tells what it got. */
async function scripted(t: TestContext) {
  let answer: readonly string[] = []
  let got: { line: string; headers: Record<string, unknown> } | undefined
  const origin = await httpOrigin(t, (received, response) => {
    got = { line: `${received.method} ${received.url}`, headers: received.headers }
    const [status = '200', ...fields] = answer
    for (const [name, value] of fields.map(fieldOf)) response.setHeader(name, value)
    response.writeHead(Number(status)).end()
  })
  return {
    address: origin.address,
    says: (next: readonly string[]) => {
      answer = next
      got = undefined
    },
    get got() {
      return got
    },
  }
}

describe('docs/filters/', () => {
  for (const name of readdirSync(folder)) {
    const page = readFileSync(new URL(name, folder), 'utf8')
    const rows = requestsIn(page)
    if (rows.length === 0) continue
    test(`${name} says what comes of requests`, async (t) => {
      const origin = await scripted(t)
      const service = await scripted(t)
      const folder = await temporaryFolder(t)
      for (const [, file, content] of page.matchAll(filesOfPage)) await writeFile(join(folder, file!), content!)
      const example = /```yaml\n([\s\S]*?)```/.exec(page)![1]!
      const config = parse(
        example
          .replaceAll('/etc/limpet', folder)
          .replaceAll(/http:\/\/auth\.example:\d+/g, `http://${service.address}`),
      )
      for (const upstream of Object.values<{ servers: unknown }>(config.upstreams ?? {}))
        upstream.servers = [origin.address]
      const none = { upstreams: { none: { servers: [origin.address] } } }
      const { port } = await startDataPlane(t, { ...none, ...config })
      for (const row of rows) {
        const [line = '', ...fields] = row.Request!
        const [method = '', path = ''] = line.split(' ')
        origin.says(row['The server answers'] ?? [])
        service.says(row['The service answers'] ?? [])
        const headers = Object.fromEntries(fields.map(fieldOf))
        const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }).end()
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        response.resume()
        await once(response, 'end')
        for (const expected of row['The client gets'] ?? []) {
          if (!isField(expected)) assert.equal(String(response.statusCode), expected, line)
          else assert.deepEqual([response.headers[nameOf(expected)]].flat().join(', '), fieldOf(expected)[1], line)
        }
        for (const expected of row['The server gets'] ?? []) {
          if (!isField(expected)) assert.equal(origin.got?.line, expected)
          else assert.equal(origin.got?.headers[nameOf(expected)], fieldOf(expected)[1], line)
        }
      }
    })
  }
})
