const PERIOD = 2000 // ms from one request to the next
const MAX_PERIOD = 8000 // ms from one request to the next while requests fail
const TIMEOUT = 3000 // ms until a request fails without an answer
const HISTORY = 20 // number of answers in a strip

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const longDate = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' })
const suffixes = { one: 'st', two: 'nd', few: 'rd', other: 'th' }

/** One kind of server: the server that answered last, a strip of the latest answers, and a count for each server. */
class Lane {
  #servers = new Map()
  #latest = []
  #hue
  #strip
  #server
  #legend
  #summary
  answers = 0
  moves = 0

  constructor(id, hue) {
    const part = (name) => document.querySelector(`#${id} .${name}`)
    this.#hue = hue
    this.#strip = part('strip')
    this.#server = part('server')
    this.#legend = part('legend')
    this.#summary = part('summary')
    this.#strip.append(...Array.from({ length: HISTORY }, () => make('span', 'empty')))
  }

  get size() {
    return this.#servers.size
  }

  /** Records an answer of the server with this name; without a name, a missing answer. */
  record(name) {
    if (name) this.#count(name)
    this.#latest = [...this.#latest, name ?? 'no answer'].slice(-HISTORY)
    this.#strip.firstElementChild.remove()
    this.#strip.append(name ? this.#badge(name) : make('span', 'none', '×'))
    this.#strip.ariaLabel = `The latest answers, newest last: ${this.#latest.join(', ')}`
  }

  summarise(text) {
    this.#summary.textContent = text
  }

  #count(name) {
    if (this.answers > 0 && this.#server.textContent !== name) this.moves += 1
    this.answers += 1
    this.#server.textContent = name
    const server = this.#servers.get(name) ?? this.#add(name)
    server.answers += 1
    server.counter.textContent = server.answers
  }

  #add(name) {
    const order = this.size
    const server = {
      answers: 0,
      letter: String.fromCharCode(65 + (order % 26)),
      hue: this.#hue + order * 137.5, // the golden angle keeps any number of hues apart
      counter: make('span', 'counter'),
    }
    this.#servers.set(name, server)
    const entry = make('li')
    entry.append(this.#badge(name), make('span', 'name', name), server.counter)
    this.#legend.append(entry)
    return server
  }

  #badge(name) {
    const { letter, hue } = this.#servers.get(name)
    const badge = make('span', 'badge', letter)
    badge.title = name
    badge.style.setProperty('--hue', hue)
    return badge
  }
}

const page = new Lane('page', 75)
const lists = new Lane('lists', 185)
const studentList = document.querySelector('#students')
const dashboardLink = document.querySelector('#dashboard')
const pauseButton = document.querySelector('#pause')
const sleepers = new Set()
let paused = false
let problem = '' // why there is no new list, such as “no answer in 3 seconds”
let listedAt // when the list on the page arrived

poll(askForPage)
poll(askForStudents)

pauseButton.addEventListener('click', () => {
  paused = !paused
  pauseButton.textContent = paused ? 'Resume' : 'Pause'
  showState()
  wake()
})
addEventListener('online', wake)
addEventListener('resize', () => studentList.style.removeProperty('min-height'))
document.addEventListener('visibilitychange', wake)

/** Calls `ask` repeatedly: never twice at once, less often while it fails, and not while the page is paused or hidden. */
async function poll(ask) {
  let failures = 0
  for (;;) {
    const began = performance.now()
    failures = (await ask()) ? 0 : failures + 1
    const period = Math.min(PERIOD * 2 ** Math.max(0, failures - 1), MAX_PERIOD)
    await sleep(began + period - performance.now())
    while (paused || document.hidden) await sleep(PERIOD)
  }
}

function sleep(duration) {
  return new Promise((resolve) => {
    const timer = setTimeout(rise, duration)
    sleepers.add(rise)
    function rise() {
      clearTimeout(timer)
      sleepers.delete(rise)
      resolve()
    }
  })
}

function wake() {
  for (const rise of sleepers) rise()
}

/** Requests the page again to find the server of this client. A script cannot read the headers of its own page. */
async function askForPage() {
  const response = await get(location.pathname, 'HEAD').catch(() => undefined)
  const name = response && servedBy(response)
  if (response) linkTo(response.headers.get('X-Dashboard'))
  page.record(name)
  page.summarise(name ? stickiness() : 'No answer to the latest check')
  return name !== undefined
}

/** The demo has a dashboard; the lab's containers may have none. */
function linkTo(dashboard) {
  dashboardLink.hidden = !dashboard
  if (dashboard) dashboardLink.href = dashboard
}

function stickiness() {
  const checks = plural(page.answers, 'check')
  if (page.moves === 0) return `${checks}, always the same server`
  return `${checks}, moved ${page.moves === 1 ? 'once' : `${page.moves} times`}`
}

async function askForStudents() {
  try {
    const response = await get('/api/student', 'GET')
    showStudents(await response.json())
    lists.record(servedBy(response))
    listedAt = new Date()
    problem = ''
  } catch (error) {
    lists.record()
    problem = reason(error)
  }
  if (listedAt) lists.summarise(`${plural(lists.answers, 'list')} from ${plural(lists.size, 'server')}`)
  showState()
  return problem === ''
}

async function get(path, method) {
  const response = await fetch(path, { method, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
  if (!response.ok) throw new Error('not ok', { cause: response.status })
  return response
}

function servedBy(response) {
  return response.headers.get('X-Served-By') ?? 'unnamed'
}

function reason(error) {
  if (error.cause) return `the answer was error ${error.cause}`
  if (error.name === 'TimeoutError') return `no answer in ${TIMEOUT / 1000} seconds`
  if (error.name === 'SyntaxError') return 'the answer was not a list'
  return 'the connection failed'
}

function showStudents(students) {
  // The height only grows, so that the page does not jump when the next list is shorter.
  studentList.style.minHeight = `${studentList.offsetHeight}px`
  studentList.replaceChildren(...students.map(card))
  document.querySelector('#count').textContent = plural(students.length, 'student')
}

function card({ firstName, lastName, gender, birthday, email, studies, semester, city }) {
  const node = document.querySelector('#student').content.cloneNode(true)
  const fields = {
    initials: firstName[0] + lastName[0],
    name: `${firstName} ${lastName}`,
    email,
    birthday: `${longDate.format(new Date(birthday))} (${age(birthday)})`,
    gender,
    studies,
    semester: `${semester}${suffixes[ordinals.select(semester)]}`,
    city,
  }
  for (const [field, text] of Object.entries(fields)) node.querySelector(`[data-field=${field}]`).textContent = text
  node.querySelector('.avatar').style.setProperty('--hue', hueOf(fields.name))
  return node
}

function age(birthday) {
  const today = new Date().toISOString()
  const years = today.slice(0, 4) - birthday.slice(0, 4)
  return today.slice(5, 10) < birthday.slice(5) ? years - 1 : years
}

function hueOf(text) {
  let hue = 0
  for (const character of text) hue = (hue * 31 + character.codePointAt(0)) % 360
  return hue
}

function showState() {
  const [state, word, notice] = paused
    ? ['paused', 'Paused', 'This list stays until you resume.']
    : problem
      ? [
          'away',
          'Away',
          `No new list: ${problem}. ${listedAt ? 'The last one stays' : 'There is none yet'}; this page keeps asking.`,
        ]
      : ['live', 'Live', 'A new list every two seconds.']
  document.body.dataset.state = state
  say('#state', word)
  say('#notice', notice)
  if (listedAt) say('#taken', `${problem ? 'old, from' : 'from'} ${clock.format(listedAt)}`)
}

/** Writes the text only if it changed, because screen readers announce each write to the status. */
function say(selector, text) {
  const node = document.querySelector(selector)
  if (node.textContent !== text) node.textContent = text
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function make(tag, className = '', text = '') {
  return Object.assign(document.createElement(tag), { className, textContent: text })
}
