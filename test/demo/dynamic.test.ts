import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { z } from 'zod'
import { DYNAMIC, start } from './program.ts'

const Student = z.strictObject({
  id: z.uuid(),
  firstName: z.string().min(1),
  lastName: z.string().min(1),
  gender: z.enum(['female', 'male']),
  birthday: z.iso.date(),
  email: z.email(),
  studies: z.string().min(1),
  semester: z.int().min(1).max(10),
  city: z.string().min(1),
})

const startDynamic = (t: TestContext, name = 'dynamic-1') => start(t, DYNAMIC, name)

test('answers with five to ten students, different ones each time', async (t) => {
  const { url } = await startDynamic(t)
  const seen = new Set<string>()
  for (const path of ['/', '/api/student', '/api/student/', '/api/student?unknown=1']) {
    const answer = await fetch(`${url}${path}`)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'application/json')
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(answer.headers.get('x-served-by'), 'dynamic-1')
    const students = z
      .array(Student)
      .min(5)
      .max(10)
      .parse(await answer.json())
    seen.add(students[0]!.id)
  }
  assert.equal(seen.size, 4)
})

test('answers with plausible people', async (t) => {
  const { url } = await startDynamic(t)
  const students = z.array(Student).parse(await (await fetch(`${url}/api/student?count=100`)).json())
  const year = 365.25 * 24 * 3600 * 1000
  for (const { firstName, lastName, birthday, email, semester } of students) {
    const age = (Date.now() - Date.parse(birthday)) / year
    assert.ok(age > 17.9 + Math.floor((semester - 1) / 2) && age < 30, `${age} in semester ${semester}`)
    const ascii = `${firstName}.${lastName}`.normalize('NFD').replace(/[^a-z.-]/gi, '')
    assert.equal(email, `${ascii.toLowerCase()}@example.org`)
  }
  assert.equal(new Set(students.map(({ gender }) => gender)).size, 2)
})

test('answers with the requested number of students', async (t) => {
  const { url } = await startDynamic(t)
  for (const count of [0, 1, 100]) {
    const students = await (await fetch(`${url}/api/student?count=${count}`)).json()
    assert.equal(z.array(Student).parse(students).length, count)
  }
})

test('answers the same seed and count with the same list, on every server', async (t) => {
  const [one, other] = await Promise.all([startDynamic(t, 'dynamic-1'), startDynamic(t, 'dynamic-2')])
  const list = async (url: string, query: string) => (await fetch(`${url}/api/student?${query}`)).text()
  for (const query of ['seed=7&count=20', 'seed=0', 'seed=4294967295&count=3']) {
    const first = await list(one.url, query)
    await list(one.url, 'count=3')
    assert.equal(await list(one.url, query), first)
    assert.equal(await list(other.url, query), first)
  }
  assert.notEqual(await list(one.url, 'seed=8&count=20'), await list(one.url, 'seed=7&count=20'))
})

test('answers 400 to invalid values, and names the parameter', async (t) => {
  const { url } = await startDynamic(t)
  const bad = {
    count: ['101', '-1', '1.5', 'ten', '', '1e1', '0x1', '%20', '99999999999999999999', '1&count=2'],
    seed: ['4294967296', '-1', 'x', ''],
  }
  const most = { count: 100, seed: 4294967295 }
  for (const parameter of ['count', 'seed'] as const) {
    for (const value of bad[parameter]) {
      const answer = await fetch(`${url}/api/student?${parameter}=${value}`)
      assert.equal(answer.status, 400, `${parameter}=${value}`)
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.equal(answer.headers.get('x-served-by'), 'dynamic-1')
      const message = `${parameter} must be one whole number from 0 to ${most[parameter]}.`
      assert.deepEqual(await answer.json(), { error: { code: 'bad_parameter', message, parameter } })
    }
  }
})

test('answers HEAD as GET, without the body', async (t) => {
  const { url } = await startDynamic(t)
  const answer = await fetch(`${url}/api/student?count=3`, { method: 'HEAD' })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.equal(await answer.text(), '')
  assert.equal((await fetch(`${url}/api/student?count=x`, { method: 'HEAD' })).status, 400)
})

test('offers GET and HEAD only', async (t) => {
  const { url } = await startDynamic(t)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const answer = await fetch(`${url}/api/student`, { method })
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.get('allow'), 'GET, HEAD')
    assert.equal(answer.headers.get('x-served-by'), 'dynamic-1')
    assert.deepEqual(await answer.json(), { error: { code: 'method_not_allowed', message: 'Only GET and HEAD.' } })
  }
})

test('answers 404 as JSON to other paths', async (t) => {
  const { url } = await startDynamic(t)
  for (const path of ['/api/student/1', '/api', '/index.html']) {
    const answer = await fetch(`${url}${path}`)
    assert.equal(answer.status, 404)
    assert.equal(answer.headers.get('x-served-by'), 'dynamic-1')
    assert.deepEqual(await answer.json(), {
      error: { code: 'not_found', message: 'The students are at /api/student.' },
    })
  }
})
