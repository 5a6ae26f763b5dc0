// Waiting for you, All pending, and History.

export class Queue {
  page;

  constructor(person) {
    this.page = person.page;
  }

  async open(path = '/') {
    await this.page.goto(path);
    return this;
  }

  /** The row of an approval. */
  row(id) {
    return this.page.locator(`[data-approval-id="${id}"]`);
  }

  /** All rows. */
  get rows() {
    return this.page.locator('[data-approval-id]');
  }

  /** Waits until an approval has a row. */
  async has(id) {
    await this.row(id).waitFor();
  }

  /** Waits until an approval has no row that could be decided. */
  async lacks(id) {
    await this.row(id).and(this.page.locator('[data-status="pending"]')).waitFor({ state: 'detached' });
  }

  /** Waits until the page says that it is connected. */
  async live() {
    await this.page.getByRole('status').getByText('live', { exact: true }).waitFor();
  }

  /** Waits until the page says that it is not connected. */
  async offline() {
    await this.page.getByRole('alert').getByText('Not connected since').waitFor();
  }

  /** Waits until the title counts this many. */
  async counts(number) {
    await this.page.waitForFunction((n) => document.title.includes(`(${n})`) || (n === 0 && !/\(\d/.test(document.title)), number);
  }

  async select(ids) {
    for (const id of ids) await this.row(id).getByRole('checkbox').check();
  }

  /** Asks to decide the selected rows with one comment; a page lists them and asks again. */
  async decideSelected(choice, comment) {
    const bar = this.page.getByRole('region', { name: 'Selected requests' });
    await bar.getByLabel(/comment/i).fill(comment);
    await bar.getByRole('button', { name: `${choice} selected` }).click();
    await this.page.getByRole('heading', { name: new RegExp(`^${choice} \\d+ requests?\\?$`) }).waitFor();
  }

  /** Answers the question. */
  async confirm() {
    await this.page.getByRole('button', { name: /^(Approve|Reject) \d+$/ }).click();
    await this.page.getByRole('heading', { name: 'Results' }).waitFor();
  }

  /** Waits for the result of one that was selected. */
  async result(id, text) {
    await this.row(id).getByText(text).first().waitFor();
  }
}
