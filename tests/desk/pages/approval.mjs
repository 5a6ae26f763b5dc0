// One approval, and the edit of its arguments.

export class ApprovalPage {
  page;

  constructor(person) {
    this.page = person.page;
  }

  async open(id) {
    await this.page.goto(`/approvals/${id}`);
    return this;
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  get comment() {
    return this.page.getByRole('textbox', { name: /comment/i });
  }

  get main() {
    return this.page.getByRole('main');
  }

  /** Approves; a page that asks for a second tap gets it. */
  async approve(comment) {
    if (comment) await this.comment.fill(comment);
    await this.button('Approve').click();
  }

  async reject(comment) {
    if (comment) await this.comment.fill(comment);
    await this.button('Reject').click();
  }

  /** Waits until the page says this. */
  async says(text) {
    await this.main.getByText(text).first().waitFor();
  }

  /** Chooses one of the policy's reasons. */
  async choosePreset(reason) {
    await this.page.getByRole('combobox', { name: /reason/i }).selectOption(reason);
  }

  /** Waits for the second tap that is asked for, and for what it says. */
  async confirms(sentence) {
    await this.page.getByRole('dialog').getByText(sentence).waitFor();
  }

  async confirm() {
    await this.page.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
  }

  async revoke(reason) {
    await this.page.getByRole('textbox', { name: /reason/i }).fill(reason);
    await this.button('Revoke').click();
  }

  async edit() {
    await this.page.getByRole('link', { name: /^edit/i }).click();
  }

  /** Sends an edit, to see the difference. */
  async review() {
    await this.page.getByRole('button', { name: /difference|review/i }).click();
  }

  /** Approves the difference that is shown. */
  async confirmEdit() {
    await this.page.getByRole('button', { name: /approve/i }).click();
  }
}
