/**
 * Puts the tools of <a href="https://docs.spring.io/spring-ai/reference/">Spring AI</a> behind
 * approval: {@link dev.signoff.springai.ToolGate}.
 */
package dev.signoff.springai;
